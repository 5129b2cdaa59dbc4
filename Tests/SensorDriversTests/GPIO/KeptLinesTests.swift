import Glibc
import Locks
import Testing

@testable import SensorDrivers

/// A pipe in a line's place, which cannot be set to any level: as a line whose chip has gone.
private struct DeadLine {
  let reader: Int32
  let writer: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    (reader, writer) = (ends[0], ends[1])
  }

  /// Whether the writing end was closed; closes the other.
  func wasClosed() -> Bool {
    defer { close(reader) }
    var entry = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLHUP) != 0
  }
}

private final class Notes: Sendable {
  private let lines = Locked<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}

@Suite struct `Output lines that are kept` {
  private let notes = Notes()

  private func keptLines(_ inherited: [String: Int32] = [:]) -> KeptLines {
    KeptLines(
      inherited: inherited, store: { [notes] _, name in notes.add("store \(name)") },
      forget: { [notes] name in notes.add("forget \(name)") })
  }

  @Test(arguments: [
    ("/dev/gpiochip0", UInt32(7), true, false, "gpio-/dev/gpiochip0-7-high-off"),
    ("/dev/gpiochip12", 0, false, true, "gpio-/dev/gpiochip12-0-low-on"),
    ("/dev/by-path/usb-0:1", 3, true, true, "gpio-/dev/by-path/usb-0_1-3-high-on"),
  ])
  func `have a name with everything that they were requested with, and no colon`(
    chip: String, offset: UInt32, isActiveHigh: Bool, isSafeActive: Bool, name: String
  ) {
    #expect(
      KeptLines.name(chip: chip, offset: offset, isActiveHigh: isActiveHigh, isSafeActive: isSafeActive) == name)
  }

  @Test(arguments: ["gpio-/dev/gpiochip0-7-high-off", "gpio-/dev/gpiochip0-7-high-on", "socket", "gpio-", ""])
  func `that an earlier run left and that cannot be set any more are given up`(name: String) {
    let line = DeadLine()
    let lines = keptLines([name: line.writer])
    #expect(lines.count == 0 && lines.take(name) == nil)
    #expect(notes.all == ["forget \(name)"])
    #expect(line.wasClosed())
  }

  @Test func `are given up when they are to be used and their chip has gone`() {
    let line = DeadLine()
    let lines = keptLines()
    lines.requested(line.writer, "gpio-a-7-high-off")
    lines.put(line.writer, "gpio-a-7-high-off")
    #expect(lines.take("gpio-a-7-high-on") == nil && lines.count == 1)
    #expect(lines.take("gpio-a-7-high-off") == nil && lines.count == 0)
    #expect(notes.all == ["store gpio-a-7-high-off", "forget gpio-a-7-high-off"])
    #expect(line.wasClosed())
  }

  @Test func `make room for other settings of the same line, and are all let go when nobody claims them`() {
    let (seventh, seventeenth, other) = (DeadLine(), DeadLine(), DeadLine())
    let lines = keptLines()
    lines.put(seventh.writer, "gpio-a-7-high-off")
    lines.put(seventeenth.writer, "gpio-a-17-high-off")
    lines.put(other.writer, "gpio-b-7-high-off")
    lines.release(chip: "a", offset: 7)
    #expect(notes.all == ["forget gpio-a-7-high-off"] && lines.count == 2)
    #expect(seventh.wasClosed())
    lines.releaseUnclaimed()
    #expect(notes.all.count == 3 && lines.count == 0)
    #expect(seventeenth.wasClosed() && other.wasClosed())
  }
}
