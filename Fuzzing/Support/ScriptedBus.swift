import Observations

@testable import SensorDrivers

/// A bus and what happens to it: the input is a script, whose bytes say what comes next.
struct ScriptedBus<Bus: SerialDriver> {
  var bus: Bus
  var actions = DriverActions()
  private(set) var time = MonotonicTime(nanoseconds: 0)
  private let input: [UInt8]
  private var index = 0

  init(_ bus: Bus, input: [UInt8]) {
    self.bus = bus
    self.input = input
    self.bus.opened(at: time, into: &actions)
  }

  /// The next byte of the script; nil at its end.
  mutating func step() -> UInt8? {
    guard index < input.count else { return nil }
    defer { index += 1 }
    return input[index]
  }

  mutating func pass(milliseconds: Int64) {
    time = time + .milliseconds(milliseconds)
  }

  /// Goes on to the bus's deadline. It must have one, and the next must lie later.
  mutating func wake() {
    time = max(time, bus.nextDeadline ?? time)
    bus.wake(at: time, into: &actions)
    precondition(bus.nextDeadline.map { $0 > time } ?? false, "A deadline that does not move on")
  }

  /// The bus hears so many bytes of the script, at most.
  mutating func hearScript(_ count: Int) {
    let input = input
    let end = min(index + count, input.count)
    bus.received(input.span.extracting(index..<end), at: time, into: &actions)
    index = end
  }

  /// The bus hears an answer, in which the script may turn one bit over.
  mutating func hear(_ answer: [UInt8], isSpoilt: Bool) {
    var answer = answer
    if isSpoilt, index < input.count { answer[Int(input[index]) % answer.count] ^= 1 << (input[index] >> 5) }
    bus.received(answer.span, at: time, into: &actions)
  }
}
