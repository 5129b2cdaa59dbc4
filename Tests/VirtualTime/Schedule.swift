/// What happens when: a binary heap, in which what was scheduled first comes first of what happens at one time.
struct Schedule<Event> {
  private struct Entry {
    var at: Int64
    var number: UInt64
    var event: Event
  }

  private var heap: [Entry] = []
  private var count: UInt64 = 0

  /// When the next happens; `max` when nothing is scheduled.
  var next: Int64 { heap.first?.at ?? .max }

  mutating func add(_ event: Event, at time: Int64) {
    count += 1
    heap.append(Entry(at: time, number: count, event: event))
    var index = heap.count - 1
    while index > 0, precedes(index, (index - 1) / 2) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func take() -> Event? {
    guard let first = heap.first else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in 2 * index + 1..<2 * index + 3 where child < heap.count && precedes(child, least) { least = child }
      guard least != index else { break }
      heap.swapAt(index, least)
      index = least
    }
    return first.event
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].at, heap[left].number) < (heap[right].at, heap[right].number)
  }
}
