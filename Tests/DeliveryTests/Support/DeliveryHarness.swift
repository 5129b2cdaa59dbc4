import Delivery
import Foundation
import Logging
import Synchronization
import Testing

/// A delivery on a state folder of its own, with short times and logged lines.
final class DeliveryHarness {
  static let gateway = "kakogawa-042"
  static let statusTopic = "mimamori/282103/kakogawa-042/status"
  static let alertTopic = "mimamori/282103/kakogawa-042/alert"

  let folder: TemporaryFolder
  let service: DeliveryService
  let lines: Arrivals<String>
  private var sequences: [String: UInt64]

  static func settings(folder: String, port: Int) -> DeliverySettings {
    var settings = DeliverySettings(
      stateFolder: folder, brokerHost: "127.0.0.1", brokerPort: port, clientID: gateway, statusTopic: statusTopic,
      bootID: "00112233445566778899aabbccddeeff")
    settings.timing.firstBackOffNanoseconds = 20_000_000
    settings.timing.longestBackOffNanoseconds = 200_000_000
    settings.timing.spreadNanoseconds = 200_000_000
    settings.timing.headDelayNanoseconds = 20_000_000
    settings.timing.ledgerRetryNanoseconds = 50_000_000
    settings.timing.connectAnswerNanoseconds = 2_000_000_000
    return settings
  }

  init(
    port: Int, folder: TemporaryFolder? = nil, adjust: (inout DeliverySettings) -> Void = { _ in },
    freeze: (@Sendable ([UInt8], Bool) -> [UInt8])? = nil
  ) throws {
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    var settings = DeliveryHarness.settings(folder: folder.path + "/state", port: port)
    adjust(&settings)
    let (logger, lines) = LogCapture.make()
    self.lines = lines
    service = try DeliveryService(
      settings: settings,
      freeze: freeze ?? { draft, delayed in draft + Array(delayed ? " late".utf8 : " prompt".utf8) },
      head: { head in
        RetainedState(
          topic: "mimamori-watch/282103/\(head.stream)/kakogawa-042/head",
          payload: Array("\(head.last)/\(head.deliveredThrough)".utf8), urgency: .spread)
      }, logger: logger, now: monotonicNanoseconds)
    sequences = service.lastSequences
  }

  func start() throws { try service.start() }

  /// The next message of a stream.
  func message(
    _ id: String, revision: Int = 1, stream: String = "alert", isSecondForm: Bool = false, text: String? = nil
  ) -> OutgoingMessage {
    var sequence: UInt64?
    if !isSecondForm {
      sequences[stream, default: 0] += 1
      sequence = sequences[stream]
    }
    let topic =
      stream == "alert"
      ? (isSecondForm ? "mimamori/282103/kakogawa-042/cap" : DeliveryHarness.alertTopic)
      : "mimamori-watch/282103/\(stream)/kakogawa-042"
    return OutgoingMessage(
      stream: stream, sequence: sequence, id: "\(DeliveryHarness.gateway)/\(id)", revision: revision, topic: topic,
      draft: Array((text ?? "\(id) \(revision)").utf8), detectedNanoseconds: monotonicNanoseconds())
  }

  func commit(_ messages: [OutgoingMessage], records: [StateRecord] = [], retained: [RetainedState] = []) {
    var batch = DeliveryBatch()
    batch.messages = messages
    batch.records = records
    batch.retained = retained
    service.commit(batch)
  }

  /// Skips numbers, as a faulty station would.
  func skip(_ count: UInt64, of stream: String) { sequences[stream, default: 0] += count }

  func isConnected() -> Bool { eventually { service.statistics.isConnected } }

  func isDelivered() -> Bool {
    eventually {
      let statistics = service.statistics
      return statistics.alertStream.last == sequences["alert", default: 0] && statistics.outbox == 0
        && statistics.waiting == 0
    }
  }

  @discardableResult
  func stop() -> Bool { service.stop(within: 3_000_000_000) }

  deinit { service.stop(within: 1_000_000_000) }
}
