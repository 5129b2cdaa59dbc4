import Alerts
import Delivery
import Logging
import Observations

/// The ledger of a session, and what its messages are made with.
extension GatewaySession {
  static func openDelivery(
    _ loaded: GatewayRuntime.Loaded, _ files: LoadedFiles, satellites: SatelliteClock?, logger: Logger
  ) throws(GatewayError) -> DeliveryService {
    // A person's head is written on the ledger's thread, so it needs the formats but no epoch: the head carries its own.
    let formats = Formats(
      loaded.configuration.formatContext(
        in: files.zone, sha256: loaded.sha256, boot: files.boot, epoch: "", previousEpoch: nil))
    let handOver = HandOver(formats: formats) {
      var clock = SystemClock(satellites: satellites)
      return clock.now()
    }
    do {
      return try DeliveryService(
        settings: files.delivery,
        freeze: { handOver.freeze($0) },
        correct: { handOver.correct($0, madeNanoseconds: $1) },
        mayFreezeAhead: { handOver.mayFreezeAhead },
        head: { head in
          var clock = SystemClock(satellites: satellites)
          let payload = formats.head(
            Alerts.StreamHead(
              stream: head.stream, epoch: head.epoch, previousEpoch: nil, last: head.last,
              deliveredThrough: head.deliveredThrough),
            at: clock.now())
          return RetainedState(
            topic: formats.context.topics.head(SubjectID(head.stream)), payload: payload, urgency: .spread)
        },
        digest: { SHA256Hash.digest(of: $0) },
        logger: logger,
        now: { SystemClock.kernel().monotonic.nanoseconds })
    } catch {
      throw GatewayError(GatewayError.ExitStatus(rawValue: error.exitStatus) ?? .bug, "\(error)")
    }
  }

  /// The bytes in which the alerts that an earlier run left active were last told. One that cannot be read is told anew.
  static func latestMessages(of alerts: [Alert], in stateFolder: String) -> [String: [UInt8]] {
    guard !alerts.isEmpty, let reader = try? LedgerReader(stateFolder: stateFolder) else { return [:] }
    var latest: [String: [UInt8]] = [:]
    for alert in alerts { latest[alert.id] = (try? reader.bytes(id: alert.id, revision: alert.revision)) ?? nil }
    return latest
  }
}
