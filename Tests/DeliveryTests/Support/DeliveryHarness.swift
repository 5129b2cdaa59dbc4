import Delivery
import Foundation
import Locks
import Logging
import Testing

/// What the ledger's chain is made with here: 32 bytes that every bit of the input changes. The gateway gives SHA-256.
let testDigest: LedgerDigest = { bytes in
  var words: [UInt64] = [0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1]
  for byte in bytes {
    for index in words.indices {
      let mixed = (words[index] ^ UInt64(byte)) &* 0x9e37_79b9_7f4a_7c15
      words[index] = mixed ^ (mixed >> 29) &+ words[(index + 1) % words.count]
    }
  }
  return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
}

/// A delivery on a state folder of its own, with short times and logged lines.
final class DeliveryHarness {
  static let gateway = "kakogawa-042"
  static let statusTopic = "mimamori/282103/kakogawa-042/status"
  static let alertTopic = "mimamori/282103/kakogawa-042/alert"

  /// Where its state lies on a disk of its own.
  static let stateFolder = "/state"

  let folder: TemporaryFolder
  let service: DeliveryService
  let lines: Arrivals<String>
  private let clock: ShiftedClock
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
    // Some tests have a file system that is smaller than the usual reserve.
    settings.limits.reserveBytes = 0
    return settings
  }

  init(
    port: Int, folder: TemporaryFolder? = nil, clock: ShiftedClock = ShiftedClock(),
    disk: (any StateDisk)? = nil, adjust: (inout DeliverySettings) -> Void = { _ in },
    freeze: (@Sendable (HandedOver) -> [UInt8])? = nil,
    correct: @escaping @Sendable ([UInt8], Int64?) -> [UInt8] = { payload, _ in payload },
    mayFreezeAhead: @escaping @Sendable () -> Bool = { true }, digest: @escaping LedgerDigest = testDigest
  ) throws {
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    self.clock = clock
    var settings = DeliveryHarness.settings(folder: disk == nil ? folder.path + "/state" : Self.stateFolder, port: port)
    adjust(&settings)
    let (logger, lines) = LogCapture.make()
    self.lines = lines
    let closures = DeliveryClosures(
      freeze: freeze ?? { $0.draft + Array($0.isDelayed ? " late".utf8 : " prompt".utf8) }, correct: correct,
      mayFreezeAhead: mayFreezeAhead,
      head: { head in
        RetainedState(
          topic: "mimamori-watch/282103/\(head.stream)/kakogawa-042/head",
          payload: Array("\(head.last)/\(head.deliveredThrough)".utf8), urgency: .spread)
      }, digest: digest, now: { clock.nowNanoseconds }, wallMilliseconds: { clock.wallMilliseconds },
      disk: disk ?? SystemDisk())
    service = try DeliveryService(
      settings: settings, closures: closures, logger: logger, random: { Double.random(in: 0..<1) })
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
      draft: Array((text ?? "\(id) \(revision)").utf8), detectedNanoseconds: clock.nowNanoseconds)
  }

  func commit(_ messages: [OutgoingMessage], records: [StateRecord] = [], retained: [RetainedState] = []) {
    var batch = DeliveryBatch()
    batch.messages = messages
    batch.records = records
    batch.retained = retained
    service.commit(batch)
  }

  /// A sensor's reading, as the gateway publishes it.
  func observation(_ sensor: String, _ text: String, _ more: [UInt8] = []) -> RetainedState {
    let topic = "mimamori/282103/kakogawa-042/observation/\(sensor)"
    return RetainedState(
      topic: topic, payload: Array(text.utf8) + more, urgency: .spread, expirySeconds: 3600,
      backlogTopic: topic + "/delayed")
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

/// The machine's clocks, which can be set forward.
final class ShiftedClock: Sendable {
  private let shift = Locked<(mono: Int64, wallMilliseconds: Int64)>((0, 0))

  var nowNanoseconds: Int64 { monotonicNanoseconds() + shift.withLock { $0.mono } }
  var wallMilliseconds: Int64 {
    systemWallMilliseconds() + shift.withLock { $0.mono / 1_000_000 + $0.wallMilliseconds }
  }

  /// Time passes.
  func advance(seconds: Int64) { shift.withLock { $0.mono += seconds * 1_000_000_000 } }

  /// The wall clock alone is set.
  func setWall(bySeconds seconds: Int64) { shift.withLock { $0.wallMilliseconds += seconds * 1_000 } }
}
