import Alerts
import Delivery
import Logging
import Observations

/// What the files hold that a session cannot do without: passwords, keys, the time zone and this boot's id.
///
/// They are read while the session before still watches, and kept with their configuration: neither taking one up nor
/// going back to it then depends on a file. Certificates are read at each connection and the watch list when it is taken
/// up; a fault of either ends nothing.
struct LoadedFiles {
  /// With passwords, shared keys and the API key in it.
  let delivery: DeliverySettings
  /// Everyone who may sign.
  let authorities: [SigningAuthority]
  /// With the keys of tags; nil without a watch list.
  let keeper: WatchListKeeper?
  let zone: TimeZoneOffsets
  let boot: String

  /// - Parameter logger: told of secrets that other users of the machine can read.
  /// - Throws: `GatewayError` when a file is missing, cannot be read or cannot be used.
  init(of configuration: GatewayConfiguration, logger: Logger) throws(GatewayError) {
    boot = try Boot.identifier()
    zone = try configuration.zoneOffsets()
    delivery = try configuration.deliverySettings(boot: boot, logger: logger)
    authorities = try configuration.signingAuthorities()
    keeper = try configuration.watchlist.map { settings throws(GatewayError) in
      try WatchListKeeper(configuration, settings, logger: logger)
    }
  }
}
