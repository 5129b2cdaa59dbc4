import Alerts
import Delivery
import Logging
import Observations

/// Brings the watch list to the gateway and keeps the last one that was accepted: a list that is refused changes nothing,
/// also over a restart.
struct WatchListKeeper {
  /// Where the accepted list is kept among the ledger's records. It holds hashes and pseudonyms, as the file does.
  static let recordKey = "gateway/watchlist"

  private let settings: WatchlistSettings
  let verifier: WatchListVerifier
  private let logger: Logger

  /// Reads the keys.
  ///
  /// - Throws: `GatewayError` when a key file is missing or is no key.
  init(_ configuration: GatewayConfiguration, _ settings: WatchlistSettings, logger: Logger) throws(GatewayError) {
    self.settings = settings
    self.logger = logger
    let authorities = try configuration.signingAuthorities()
    var tagKeys: [String: TagKey] = [:]
    for tagKey in settings.tagKeys {
      let loaded = try KeyFile.tagKey(at: tagKey.file.path)
      if let warning = loaded.warning { logger.warning("\(warning)") }
      tagKeys[tagKey.keyID] = loaded.key
    }
    var resolverKeys: [String: ResolverKey] = [:]
    if let file = settings.resolverKeys {
      let loaded = try KeyFile.resolverKeys(at: file.path)
      if let warning = loaded.warning { logger.warning("\(warning)") }
      resolverKeys = loaded.key
    }
    verifier = WatchListVerifier(
      root: configuration.mqtt.root, group: settings.group, gateway: configuration.gateway.id,
      places: Set(configuration.places.map(\.id)), authorities: authorities, tagKeys: tagKeys,
      resolverKeys: resolverKeys)
  }

  /// The list that holds now: the configured file's if it is accepted, otherwise the one accepted before.
  ///
  /// - Parameter kept: the bytes that `recordKey` holds, if there are any.
  /// - Returns: the list, and a record to be committed when it is a new one.
  func current(kept: [UInt8]?, at now: Moment) -> (list: WatchList?, record: StateRecord?) {
    guard let file = settings.file else { return (kept.flatMap { resumed($0, at: now) }, nil) }
    do {
      let bytes = try InputFile.read(file.path, limit: WatchListFile.maximumBytes)
      let list = try verifier.accept(
        fileBytes: bytes, acceptedRevision: kept.map(verifier.revision(ofKept:)) ?? 0, at: now)
      for warning in list.warnings { logger.warning("\(warning)") }
      logger.info(
        "Watch list revision \(list.revision) holds; \(list.plan.members.count) persons are watched over here.")
      return (list, bytes == kept ? nil : StateRecord(key: Self.recordKey, value: bytes))
    } catch {
      let old = kept.flatMap { resumed($0, at: now) }
      let still = old.map { "revision \($0.revision) still holds" } ?? "nobody is watched over"
      logger.error("The watch list \(file.written) is refused, and \(still). \(error)")
      return (old, nil)
    }
  }

  /// The revision that was accepted before, over all restarts; 0 for none.
  func acceptedRevision(kept: [UInt8]?) -> Int { kept.map(verifier.revision(ofKept:)) ?? 0 }

  private func resumed(_ kept: [UInt8], at now: Moment) -> WatchList? {
    do {
      let list = try verifier.resume(fileBytes: kept, at: now)
      if settings.file == nil {
        for warning in list.warnings { logger.warning("\(warning)") }
      }
      return list
    } catch {
      logger.error("The watch list that was accepted before cannot be taken up again. \(error)")
      return nil
    }
  }
}
