import Delivery
import Foundation
import Locks
import Testing

/// Items that arrive on another thread and are waited for.
final class Arrivals<Item: Sendable>: Sendable {
  private let items = Locked<[Item]>([])
  private let condition = NSCondition()

  func add(_ item: Item) {
    items.withLock { $0.append(item) }
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  var all: [Item] { items.withLock { $0 } }

  /// Waits until the items satisfy the condition.
  @discardableResult
  func wait(seconds: Double = 60, until isEnough: ([Item]) -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    condition.lock()
    defer { condition.unlock() }
    while !isEnough(all) {
      if !condition.wait(until: deadline) { return isEnough(all) }
    }
    return true
  }
}

/// Looks again and again, for what cannot be waited for as an event.
func eventually(seconds: Double = 60, _ condition: () -> Bool) -> Bool {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while !condition() {
    if Date() > deadline { return condition() }
    usleep(2_000)
  }
  return true
}

/// A folder that is removed at the end.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("mimamori-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// The clock that the delivery is given.
@Sendable func monotonicNanoseconds() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_BOOTTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
