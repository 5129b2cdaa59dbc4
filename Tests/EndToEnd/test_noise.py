"""Sixty seconds of noise on the ports of every driver at once; half an hour with MIMAMORI_SOAK=1."""

from support.noisy_minute import DRIVERS


def test_noise_on_every_port_changes_nothing_and_the_first_good_frame_after_it_is_read(noisy_minute, measured):
    noise = noisy_minute.wait()
    read_after = {name: round(seconds, 2) for name, (seconds, _) in noise.read_after.items()}
    measured(
        f"{noise.seconds} s of noise: bytes {noise.bytes_sent}, resident kB {noise.resident_kilobytes[0]} to "
        f"{noise.resident_kilobytes[-1]}, read after s {read_after}")
    assert noise.exit_status == 0
    assert noise.false_news == [], "no noise is a level or a person"
    # A line of 1200 baud carries the least.
    assert all(count > 30 * noise.seconds for count in noise.bytes_sent.values()), noise.bytes_sent
    # What is allocated once is there after ten seconds; in the soak after five minutes.
    settled = noise.resident_kilobytes[60 if noise.seconds > 600 else 1]
    assert noise.resident_kilobytes[-1] - settled < 4096, noise.resident_kilobytes
    # The satellite receiver is heard in the passage that the other receiver notices.
    assert set(noise.read_after) == set(DRIVERS) - {"satellites"}
    assert noise.read_after["receiver"][1]["position"]["latitude"] == 34.5
    for name, (seconds, news) in noise.read_after.items():
        # One whole frame of each, not the tenth: what talks by itself says ten a second.
        assert seconds < 1.0, f"{name} was read {seconds} s after its first good frame"
        if name != "receiver":
            assert news["observed"]["value"] == 3.5
