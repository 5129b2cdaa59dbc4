import Delivery
import Observations
import Testing

@testable import Gateway

@Suite struct ReloadObstacleTests {
  private static let stream = StreamHead(stream: "alert", epoch: "e", last: 7, deliveredThrough: 6)
  private static let now = MonotonicTime(nanoseconds: 100_000_000_000)

  private func obstacle(_ change: (inout DeliveryStatistics) -> Void) -> CommandRejection? {
    var statistics = DeliveryStatistics(alertStream: Self.stream)
    change(&statistics)
    return statistics.obstacleToReload(stateFolder: "/var/lib/mimamori", at: Self.now)
  }

  @Test func `a ledger that is well is no obstacle, whatever waits for the broker`() {
    #expect(obstacle { _ in } == nil)
    #expect(
      obstacle {
        $0.outbox = 40
        $0.waiting = 3
        $0.isYielding = true
      } == nil)
  }

  @Test func `what is only in memory is kept until it is written`() {
    let failing = obstacle { $0.ledger = .failing("database or disk is full") }
    #expect(failing?.word == "ledger_failing")
    #expect(
      failing?.explanation
        == "the ledger cannot be written (database or disk is full) and a reload would lose what is only in memory: make "
        + "room on the file system of /var/lib/mimamori and check its disk, then reload again")
    let unwritten = obstacle { $0.unwritten = 2 }
    #expect(unwritten?.word == "ledger_failing")
    #expect(unwritten?.explanation.hasPrefix("2 messages are not written yet") == true)
  }

  @Test func `a disk that has not answered for a second is not waited for`() {
    #expect(obstacle { $0.turnSinceNanoseconds = Self.now.nanoseconds - 1_000_000_000 } == nil)
    let hanging = obstacle { $0.turnSinceNanoseconds = Self.now.nanoseconds - 2_500_000_000 }
    #expect(hanging?.word == "ledger_busy")
    #expect(hanging?.explanation.contains("busy with the ledger for 2 s") == true)
  }
}
