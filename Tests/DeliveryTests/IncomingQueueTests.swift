import Testing

@testable import Delivery

@Suite struct `What the broker passed on` {
  private func message(_ topic: String, _ bytes: Int = 1) -> IncomingMessage {
    IncomingMessage(topic: topic, payload: [UInt8](repeating: 0, count: bytes), isRetained: false)
  }

  @Test func `a flood on one topic leaves room for another`() throws {
    let queue = try IncomingQueue(mostMessages: 16, mostBytes: 4_000)
    for _ in 0..<100 { queue.append(message("command")) }
    for _ in 0..<100 { queue.append(message("group", 900)) }
    queue.append(message("watchlist", 1_000))
    let taken = queue.take(100)
    #expect(taken.count { $0.topic == "command" } == 4)
    #expect(taken.count { $0.topic == "group" } == 1)
    #expect(taken.count { $0.topic == "watchlist" } == 1)
    #expect(queue.drops.overflow == 195)
    queue.append(message("command"))
    #expect(queue.take(1).count == 1)
  }
}
