import Observations
import Testing

@testable import SensorDrivers

@Suite struct `The direction of an RS-485 line` {
  /// 8N1 at 9600 baud: 1.04 ms a character.
  private static let line = SerialLine(baud: 9600)

  private func direction(before: Int64 = 0, after: Int64 = 0) -> RS485Direction {
    RS485Direction(
      RS485Settings(way: .rts, delayBefore: .milliseconds(before), delayAfter: .milliseconds(after)), line: Self.line)
  }

  /// Turns until RTS falls. Returns when it fell.
  private func fall(_ direction: inout RS485Direction, emptyAt: MonotonicTime) -> MonotonicTime? {
    for _ in 0..<10_000 {
      guard let deadline = direction.deadline else { return nil }
      // A loop that turns at once when something is due.
      let time = MonotonicTime(nanoseconds: max(deadline.nanoseconds, lastTurn.nanoseconds + 100_000))
      lastTurn = time
      if direction.pass(at: time, hasSentAll: { time >= emptyAt }) { return time }
    }
    return nil
  }

  private final class Turn { var nanoseconds: Int64 = 0 }
  private let turn = Turn()
  private var lastTurn: MonotonicTime {
    get { MonotonicTime(nanoseconds: turn.nanoseconds) }
    nonmutating set { turn.nanoseconds = newValue.nanoseconds }
  }

  @Test func `is raised for the first byte and falls as soon as the last has left`() throws {
    var direction = direction()
    let start = MonotonicTime.at(milliseconds: 1000)
    #expect(!direction.maySend(at: start))
    let answer1 = direction.begin(at: start)
    #expect(answer1 == true)
    #expect(direction.maySend(at: start))
    direction.sent(8, at: start)
    let wire = TimeSpan(nanoseconds: 8 * Self.line.characterNanoseconds)
    let answer2 = direction.begin(at: start)
    #expect(answer2 == false)
    let fell = try #require(fall(&direction, emptyAt: start + wire))
    #expect(fell - start >= wire)
    #expect(fell - start <= wire + .milliseconds(1))
    #expect(direction.deadline == nil)
  }

  @Test func `waits before and behind the bytes as long as it is told to`() throws {
    var direction = direction(before: 3, after: 5)
    let start = MonotonicTime.at(milliseconds: 1000)
    let answer3 = direction.begin(at: start)
    #expect(answer3 == true)
    #expect(!direction.maySend(at: start + .milliseconds(2)))
    #expect(direction.maySend(at: start + .milliseconds(3)))
    direction.sent(8, at: start + .milliseconds(3))
    let wire = TimeSpan(nanoseconds: 8 * Self.line.characterNanoseconds)
    let fell = try #require(fall(&direction, emptyAt: start))
    #expect(fell - start >= wire + .milliseconds(8))
    #expect(fell - start <= wire + .milliseconds(10))
  }

  @Test func `stays raised while the port still holds bytes, and no longer than a second`() throws {
    var direction = direction()
    let start = MonotonicTime.at(milliseconds: 1000)
    let answer4 = direction.begin(at: start)
    #expect(answer4 == true)
    direction.sent(8, at: start)
    let late = try #require(fall(&direction, emptyAt: start + .milliseconds(40)))
    #expect(late - start >= .milliseconds(40) && late - start <= .milliseconds(42))
    let answer5 = direction.begin(at: late)
    #expect(answer5 == true)
    direction.sent(8, at: late)
    let never = try #require(fall(&direction, emptyAt: late + .hours(1)))
    #expect(never - late <= .milliseconds(1100))
  }

  @Test func `stays raised for bytes that follow, and counts them behind each other`() throws {
    var direction = direction(after: 4)
    let start = MonotonicTime.at(milliseconds: 1000)
    let answer6 = direction.begin(at: start)
    #expect(answer6 == true)
    direction.sent(8, at: start)
    direction.sent(8, at: start)
    let wire = TimeSpan(nanoseconds: 16 * Self.line.characterNanoseconds)
    let answer8 = direction.pass(at: start + wire, hasSentAll: { true })
    #expect(answer8 == false)
    // While RTS lingers, more is to be sent: it need not be raised again.
    let answer7 = direction.begin(at: start + wire + .milliseconds(1))
    #expect(answer7 == false)
    #expect(direction.maySend(at: start + wire + .milliseconds(1)))
  }

  @Test func `while the port takes none of the bytes that may be sent, it is waited for and no time`() {
    var direction = direction(before: 3)
    let start = MonotonicTime.at(milliseconds: 1000)
    let isRaised = direction.begin(at: start)
    #expect(isRaised)
    let turned = start + .milliseconds(3)
    #expect(direction.deadline(withBytesWaiting: true, at: start) == turned)
    #expect(direction.deadline(withBytesWaiting: true, at: turned) == nil)
    direction.sent(4, at: turned + .milliseconds(200))
    let sent = turned + .milliseconds(200) + TimeSpan(nanoseconds: 4 * Self.line.characterNanoseconds)
    #expect(direction.deadline(withBytesWaiting: true, at: sent) == nil)
    #expect(direction.deadline(withBytesWaiting: false, at: turned) == sent)
  }

  @Test(arguments: [RS485Settings.Way.kernel, .rts])
  func `a port that cannot turn round says so, and what to write instead`(way: RS485Settings.Way) throws {
    let terminal = try PseudoTerminal()
    let port = try SerialPort(path: terminal.path, line: Self.line)
    var thrown: SensorDriversError?
    do throws(SensorDriversError) {
      try port.setDirection(RS485Settings(way: way))
    } catch {
      thrown = error
    }
    let error = try #require(thrown)
    #expect(error.cause == .portError)
    #expect(error.description.contains(terminal.path))
    if way == .kernel { #expect(error.advice.contains("rs485 = \"rts\"")) }
  }
}
