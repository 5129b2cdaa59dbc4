"""A GPIO chip of the kernel's own simulator, gpio-sim, moved through sysfs as if by wires."""


class SimulatedChip:
    """Made in the machine's configfs. An input follows `pull`; an output is read with `value`.

    `names` maps lines to names; `hogs` are lines that the kernel itself keeps, so that a request for one is refused.
    """

    def __init__(self, machine, label="panel", lines=16, names=None, hogs=()):
        self._machine = machine
        self.label = label
        self._made = f"/sys/kernel/config/gpio-sim/{label}"
        bank = f"{self._made}/bank0"
        orders = [
            "modprobe gpio-sim", f"mkdir -p {bank}", f"echo {lines} > {bank}/num_lines", f"echo {label} > {bank}/label"]
        for line, name in (names or {}).items():
            orders += [f"mkdir -p {bank}/line{line}", f"echo {name} > {bank}/line{line}/name"]
        for line in hogs:
            orders += [
                f"mkdir -p {bank}/line{line}/hog", f"echo other-driver > {bank}/line{line}/hog/name",
                f"echo input > {bank}/line{line}/hog/direction"]
        machine.run(" && ".join(orders))
        self.device = self.folder = None
        self.appear()

    def appear(self):
        """Puts the chip in. Its number, and so its path, may be another than before."""
        chip, device = self._machine.says(
            f"echo 1 > {self._made}/live && cat {self._made}/bank0/chip_name {self._made}/dev_name").split()
        # What udev does with a new chip is a part of its coming.
        self._machine.run(f"udevadm settle --timeout=20 && test -e /dev/{chip}")
        self.device = f"/dev/{chip}"
        self.folder = f"/sys/devices/platform/{device}/{chip}"
        return self

    def vanish(self):
        """Takes the chip out, also while somebody holds a line of it."""
        self._machine.run(f"echo 0 > {self._made}/live")

    def pull_path(self, line):
        """The file to which `pull-up` or `pull-down` is written, for programs in the machine that move lines fast."""
        return f"{self.folder}/sim_gpio{line}/pull"

    def value_path(self, line):
        return f"{self.folder}/sim_gpio{line}/value"

    def pull(self, line, is_high):
        """What is wired to an input drives it high or low."""
        self._machine.run(f"echo {'pull-up' if is_high else 'pull-down'} > {self.pull_path(line)}")

    def value(self, line):
        """The level of a line, of an output the one that it is driven to."""
        return int(self._machine.says(f"cat {self.value_path(line)}"))

    def remove(self):
        """Undoes the chip altogether. Nobody may hold a line of it."""
        held = self._machine.run(f"gpioinfo {self.device} | grep used] | grep -v '\"other-driver\"'", check=False).output
        self._machine.run(
            f"if [ -d {self._made} ]; then echo 0 > {self._made}/live; "
            f"find {self._made} -mindepth 1 -depth -type d -exec rmdir {{}} + ; rmdir {self._made}; fi")
        assert not held, f"these lines were still held when {self.label} was removed:\n{held}"
