"""Who moves in a scenario, and what each movement must cause: an oracle that knows the scenario alone.

An actor changes only when the ledger holds what its last change must have caused. So the oracle is exact whatever the moment of a
kill: a change that was not committed is made again by the next frame, one that was is not repeated.
"""

from .authority import moment

MOUNT_HEIGHT = 4500  # millimetres
LEVELS = {"standby": 0.8, "caution": 1.2, "evacuation_judgment": 1.9, "danger": 2.6, "flooding": 3.4}


class Actor:
    """`expected` is what its changes must have caused so far; `limit` how often it changes at most, None: for ever."""

    def __init__(self, name, chance, limit=None):
        self.name = name
        self.chance = chance
        self.limit = limit
        self.expected = []
        self.next_change = 0.0

    # Whether what its last change must cause takes seconds in which nobody kills the gateway.
    needs_calm = False

    @property
    def is_done(self):
        return self.limit is not None and len(self.expected) >= self.limit


class Gauge(Actor):
    """A sensor whose water jumps from one step of the ladder to another. `move(millimetres)` moves its water."""

    def __init__(self, name, move, chance, limit=None):
        super().__init__(name, chance, limit)
        self._move = move
        self.step = -1
        self.levels = set()

    def change(self):
        """Moves the water to another step: -1 is below all of them."""
        steps = list(LEVELS)
        bounds = [0.05, *LEVELS.values(), 4.4]
        target = self.chance.choice([step for step in range(-1, len(steps)) if step != self.step])
        low, high = round(bounds[target + 1] * 1000), round(bounds[target + 2] * 1000) - 1
        # The lowest and the highest value of a step are the likeliest to be taken for another.
        level = self.chance.choice([low, high, self.chance.randint(low, high)])
        if target < 0:
            self.expected.append(("clear", None, None, None, level / 1000))
        else:
            message = "raise" if self.step < 0 else "update"
            self.expected.append((message, steps[target], target + 1, LEVELS[steps[target]], level / 1000))
        self.step = target
        self.levels.add(level / 1000)
        self._move(level)

    @staticmethod
    def story(alert):
        observed = alert["observed"]
        if alert["message"] == "clear":
            return ("clear", None, None, None, observed["value"])
        return (alert["message"], alert["step"], alert["level"], observed["threshold"], observed["value"])


class Walker(Actor):
    """A person who comes and goes at one place."""

    def __init__(self, person, controller, chance, limit=None):
        super().__init__(person.subject, chance, limit)
        self.person = person
        self.controller = controller

    @property
    def needs_calm(self):
        """A departure is one after some silence."""
        return len(self.expected) % 2 == 0

    def change(self):
        arrives = len(self.expected) % 2 == 0
        self.controller.set_signal(self.name, self.chance.randint(-70, -45) if arrives else None)
        self.expected.append(("arrival" if arrives else "departure", self.person.place))

    @staticmethod
    def story(notice):
        return (notice["kind"], notice["place"])


class Drill(Actor):
    """A sensor that is drilled by signed commands, and the authorities that send them, one after the other.

    Whoever gets no answer sends the same again: `repeat` does until `answers` has one.
    """

    # A gateway remembers a command until it expires, which it may not be able to tell, and no more than 256 of one authority.
    EXPIRES_AFTER = 120
    COMMANDS_OF_ONE = 200
    PATIENCE = 0.7

    def __init__(self, name, authorities, gateway, send, chance, limit=None):
        super().__init__(name, chance, limit)
        self._authorities = authorities
        self._gateway = gateway
        self._send = send
        self._pending = None
        self._sent_at = 0.0
        self.boot = None
        # What was commanded, in order: id and what to do.
        self.commands = []
        self.repeats = 0

    @property
    def _authority(self):
        return self._authorities[len(self.commands) // self.COMMANDS_OF_ONE]

    def change(self):
        stops = len(self.expected) % 2 == 1
        what = {"stop": True, "sensor": self.name} if stops else {
            "sensor": self.name, "value": 3.5, "end": moment(3600)}
        command, text = self._authority.command(
            "exercise", self._gateway, boot=self.boot, expires=moment(self.EXPIRES_AFTER), **{"with": what})
        self.expected.append(("clear" if stops else "raise", "exercise"))
        self.commands.append((command, "exercise"))
        self._pending = command, text
        self._sent_at = 0.0

    def report(self):
        """A command that changes nothing and is answered all the same."""
        command, text = self._authority.command(
            "report", self._gateway, boot=self.boot, expires=moment(self.EXPIRES_AFTER))
        self.commands.append((command, "report"))
        self._pending = command, text
        self._sent_at = 0.0

    @property
    def is_waiting(self):
        return self._pending is not None

    def repeat(self, now, answers):
        """Sends what is not answered yet, for the first time or again. `answers`: the ids that were answered."""
        if self._pending is None:
            return
        if self._pending[0] in answers:
            self._pending = None
        elif now >= self._sent_at + self.PATIENCE:
            self.repeats += self._sent_at > 0
            self._sent_at = now
            self._send(self._pending[1])

    @staticmethod
    def story(alert):
        return (alert["message"], alert["mode"])
