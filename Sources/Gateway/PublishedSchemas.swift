/// The JSON Schemas (2020-12) of everything that is published or read, as they are embedded in the program.
public enum PublishedSchemas {
  private static let files: [(name: String, bytes: [UInt8])] = [
    ("active", PackageResources.active_schema_json),
    ("alert", PackageResources.alert_schema_json),
    ("backtest", PackageResources.backtest_schema_json),
    ("command", PackageResources.command_schema_json),
    ("head", PackageResources.head_schema_json),
    ("health", PackageResources.health_schema_json),
    ("info", PackageResources.info_schema_json),
    ("measure", PackageResources.measure_schema_json),
    ("notice", PackageResources.notice_schema_json),
    ("observation", PackageResources.observation_schema_json),
    ("output", PackageResources.output_schema_json),
    ("place", PackageResources.place_schema_json),
    ("recording", PackageResources.recording_schema_json),
    ("reply", PackageResources.reply_schema_json),
    ("status", PackageResources.status_schema_json),
    ("watchlist-manifest", PackageResources.watchlist_manifest_schema_json),
    ("watchlist-part", PackageResources.watchlist_part_schema_json),
  ]

  /// The names that `text(named:)` knows, sorted.
  public static let names: [String] = files.map(\.name)

  /// The schema's text with a line feed at its end, or nil for a name that there is none of.
  public static func text(named name: String) -> String? {
    files.first { $0.name == name }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// The known name that was probably meant by `name`, if one is near.
  public static func nearestName(to name: String) -> String? {
    NearestName.find(name, among: names)
  }
}
