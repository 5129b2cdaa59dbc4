import Observations

/// When each of a fixed number of components wants to be woken: a binary heap with one place for each of them.
///
/// A deadline that moves later is left where it is and found out of date when it is reached, so that a sensor that is
/// heard again and again costs nothing here. What wakes is ordered by time, then by the component's number.
struct DeadlineQueue: Sendable {
  private static let never = Int64.max

  /// The time at which each component is looked at, no later than its deadline.
  private var times: [Int64]
  private var heap: [Int32]
  private var positions: [Int32]

  init(count: Int) {
    times = Array(repeating: Self.never, count: count)
    heap = (0..<Int32(count)).map { $0 }
    positions = heap
  }

  /// The time of the first component, if any waits.
  var earliest: MonotonicTime? {
    guard let first = heap.first, times[Int(first)] != Self.never else { return nil }
    return MonotonicTime(nanoseconds: times[Int(first)])
  }

  /// Whether any component is to be woken at or before `time`.
  func isDue(at time: MonotonicTime) -> Bool {
    guard let first = heap.first else { return false }
    return times[Int(first)] <= time.nanoseconds && times[Int(first)] != Self.never
  }

  /// The component that `earliest` belongs to. There must be one.
  var firstComponent: Int { Int(heap[0]) }

  /// Sees to it that `component` is woken at `time` or earlier; a later time changes nothing.
  mutating func notLater(_ component: Int, than time: MonotonicTime?) {
    guard let time, time.nanoseconds < times[component] else { return }
    times[component] = time.nanoseconds
    siftUp(Int(positions[component]))
  }

  /// Wakes `component` at `time` and not before; nil: never.
  mutating func set(_ component: Int, to time: MonotonicTime?) {
    times[component] = time?.nanoseconds ?? Self.never
    siftUp(Int(positions[component]))
    siftDown(Int(positions[component]))
  }

  private func precedes(_ left: Int32, _ right: Int32) -> Bool {
    let leftTime = times[Int(left)]
    let rightTime = times[Int(right)]
    return leftTime == rightTime ? left < right : leftTime < rightTime
  }

  private mutating func swap(_ left: Int, _ right: Int) {
    heap.swapAt(left, right)
    positions[Int(heap[left])] = Int32(left)
    positions[Int(heap[right])] = Int32(right)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0, precedes(heap[index], heap[(index - 1) / 2]) {
      swap(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in 2 * index + 1..<2 * index + 3 where child < heap.count && precedes(heap[child], heap[least]) {
        least = child
      }
      guard least != index else { return }
      swap(index, least)
      index = least
    }
  }
}
