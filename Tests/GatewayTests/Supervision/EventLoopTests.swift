import Glibc
import Observations
import SensorDrivers
import Testing

/// A source that notes what it is called for.
private final class NotingSource: EventSource {
  var interest: EventInterest?
  var nextDeadline: MonotonicTime?
  var onReady: () -> Void = {}
  private(set) var calls: [String] = []

  func ready(at time: MonotonicTime) {
    calls.append("ready")
    onReady()
  }

  func wake(at time: MonotonicTime) {
    calls.append("wake")
    nextDeadline = nil
  }
}

/// Both ends of a pipe; closed when it goes.
private final class Pipe {
  var ends: [Int32] = [-1, -1]

  init() { _ = unsafe pipe(&ends) }

  deinit { for end in ends where end >= 0 { close(end) } }

  func write() { _ = unsafe Glibc.write(ends[1], [0], 1) }

  func read() {
    var byte: UInt8 = 0
    _ = unsafe Glibc.read(ends[0], &byte, 1)
  }

  func hangUp() {
    close(ends[1])
    ends[1] = -1
  }
}

struct EventLoopTests {
  private func makeLoop(_ sources: NotingSource...) -> EventLoop {
    let loop = EventLoop { monotonicNow() }
    for source in sources { loop.add(source) }
    return loop
  }

  @Test func `serves a descriptor when it is readable and not before`() {
    let pipe = Pipe()
    let source = NotingSource()
    source.interest = EventInterest(descriptor: pipe.ends[0])
    source.onReady = { pipe.read() }
    let loop = makeLoop(source)
    loop.turn(atMost: monotonicNow())
    #expect(source.calls == [])
    pipe.write()
    loop.turn(atMost: nil)
    loop.turn(atMost: monotonicNow())
    #expect(source.calls == ["ready"])
  }

  @Test func `serves a descriptor that can be written only where that is wished`() {
    let pipe = Pipe()
    let source = NotingSource()
    source.interest = EventInterest(descriptor: pipe.ends[1], writing: false)
    let loop = makeLoop(source)
    loop.turn(atMost: monotonicNow())
    #expect(source.calls == [])
    source.interest = EventInterest(descriptor: pipe.ends[1], writing: true)
    loop.turn(atMost: nil)
    #expect(source.calls == ["ready"])
  }

  @Test func `tells of a descriptor whose other end has hung up`() {
    let pipe = Pipe()
    let source = NotingSource()
    source.interest = EventInterest(descriptor: pipe.ends[0])
    let loop = makeLoop(source)
    pipe.hangUp()
    loop.turn(atMost: nil)
    #expect(source.calls == ["ready"])
  }

  @Test func `wakes at the earliest deadline, not before it, and at a past one at once`() {
    let late = NotingSource()
    let early = NotingSource()
    let start = monotonicNow()
    early.nextDeadline = start + .milliseconds(20)
    late.nextDeadline = start + .hours(1)
    let loop = makeLoop(late, early)
    loop.turn(atMost: nil)
    #expect(monotonicNow() >= start + .milliseconds(20))
    #expect(early.calls == ["wake"] && late.calls == [])
    early.nextDeadline = start - .hours(100)
    loop.turn(atMost: nil)
    #expect(early.calls == ["wake", "wake"] && late.calls == [])
  }

  @Test func `wakes within a fraction of a millisecond of its deadline`() {
    let source = NotingSource()
    let loop = makeLoop(source)
    // Other work on the machine may delay one or another; whole milliseconds would delay every one by 0.9 ms.
    let delays = (0..<50).map { _ in
      let deadline = monotonicNow() + .milliseconds(2) + TimeSpan(nanoseconds: 100_000)
      source.nextDeadline = deadline
      loop.turn(atMost: nil)
      return (monotonicNow() - deadline).nanoseconds
    }
    #expect(source.calls.count == 50)
    #expect(delays.allSatisfy { $0 >= 0 })
    #expect(delays.min().map { $0 < 500_000 } == true)
  }

  @Test func `serves bytes before deadlines that are due at the same time`() {
    let pipe = Pipe()
    let source = NotingSource()
    source.interest = EventInterest(descriptor: pipe.ends[0])
    source.nextDeadline = monotonicNow()
    pipe.write()
    makeLoop(source).turn(atMost: nil)
    #expect(source.calls == ["ready", "wake"])
  }

  @Test func `a deadline that a served descriptor moved is not fired`() {
    let pipe = Pipe()
    let source = NotingSource()
    source.interest = EventInterest(descriptor: pipe.ends[0])
    source.nextDeadline = monotonicNow()
    source.onReady = { [unowned source] in source.nextDeadline = monotonicNow() + .hours(1) }
    pipe.write()
    makeLoop(source).turn(atMost: nil)
    #expect(source.calls == ["ready"])
  }
}
