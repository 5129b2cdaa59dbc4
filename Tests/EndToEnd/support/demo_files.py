"""The demo's configuration with its keys and its watch list, in a folder of its own: what demo.sh does before it starts."""

import re


def write_demo_files(call, demo, folder, port):
    """`call` runs the gateway's program in `folder`, which must do; `port` is the broker's."""
    for name in ("ports", "state"):
        (folder / name).mkdir()
    text, changes = re.subn(r"(?m)^port = 1883.*$", f"port = {port}", (demo / "gateway.toml").read_text())
    assert changes == 1 and "/tmp/mimamori-demo/" in text
    (folder / "gateway.toml").write_text(text.replace("/tmp/mimamori-demo/", f"{folder}/"))
    for arguments in (
            ("keypair", "--kid", "demo-2026", "--output", "."), ("tagkey", "--output", "tag-key-2026-11"),
            ("watchlist", "--key", "demo-2026.key", "--kid", "demo-2026", "--tag-key", "tag-key-2026-11",
             "--tag-kid", "2026-11", "--root", "mimamori/282103", "--group", "east", "--revision", "1",
             "--valid-until", "2099-01-01T00:00:00+09:00", "--input", demo / "persons.json",
             "--output", "watchlist.jws")):
        call("sign", *arguments)
