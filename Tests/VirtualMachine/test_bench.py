"""The bench itself: what the other tests rely on."""

from bench.machine import Result


def test_the_machine_runs_commands(machine, capsys):
    with capsys.disabled():
        print(f"\nbooted in {machine.boot_seconds:.1f} s")
    assert machine.says("uname -s && systemctl is-system-running") == "Linux\nrunning"
    assert machine.run("echo out; echo err >&2; exit 3", check=False) == Result(3, "out\n", "err\n")


def test_files_go_in_whole(machine, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 1000)
    machine.put(tmp_path / "file", "/run/bench/file")
    machine.write("/run/bench/words", "水位\n")
    assert machine.says("stat -c %s /run/bench/file && cat /run/bench/words") == "256000\n水位"


def test_a_chip_of_the_kernel_comes_moves_and_goes(machine, make_chip):
    chip = make_chip(names={4: "DOOR"}, hogs=(9,))
    assert '"DOOR"' in machine.says(f"gpioinfo {chip.device}")
    for level in (True, False):
        chip.pull(4, level)
        assert machine.says(f"gpioget {chip.device} 4") == str(int(level))
    assert machine.run(f"gpioget {chip.device} 9", check=False).status != 0
    chip.vanish()
    assert machine.run(f"test -e {chip.device}", check=False).status != 0
    chip.appear()
    assert machine.says("gpiofind DOOR").split() == [chip.device.removeprefix("/dev/"), "4"]
