import Foundation
import Locks
import Testing

@Suite struct `A value that threads share` {
  private struct Refused: Error {}

  private final class Shared: Sendable {
    let numbers = Locked<[Int]>([])
  }

  private final class Owned: Sendable {
    let onEnd: @Sendable () -> Void
    init(onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }
    deinit { onEnd() }
  }

  @Test func `is one thread's at a time`() {
    let shared = Shared()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<10_000 { shared.numbers.withLock { $0.append(thread * 10_000 + number) } }
    }
    #expect(shared.numbers.withLock { $0.sorted() } == Array(0..<80_000))
  }

  @Test func `is free again after an error, and keeps what was done until then`() {
    let shared = Shared()
    #expect(throws: Refused.self) {
      try shared.numbers.withLock { numbers throws(Refused) in
        numbers.append(1)
        throw Refused()
      }
    }
    #expect(shared.numbers.withLock { $0 } == [1])
  }

  @Test func `ends with its lock`() {
    let ended = Locked(0)
    do {
      let owner = Locked(Owned { ended.withLock { $0 += 1 } })
      #expect(owner.withLock { _ in ended.withLock { $0 } } == 0)
    }
    #expect(ended.withLock { $0 } == 1)
  }

  @Test func `cannot be locked twice by one thread`() async {
    await #expect(processExitsWith: .failure) {
      let shared = Shared()
      shared.numbers.withLock { _ in shared.numbers.withLock { $0.append(1) } }
    }
  }
}
