import Alerts
import Observations

extension ConfigurationReader {
  func readBroker(_ reader: TableReader) -> BrokerSettings? {
    let first = readEndpoint(reader)
    let root = readTopicRoot(
      reader, "root", required: "write the first levels of all topics, such as \"mimamori/282103\"")
    let watchRoot = readTopicRoot(
      reader, "watch_root", required: "write the first levels of the topics about persons, not under root")
    if let root, let watchRoot { checkSeparate(reader, root: root, watchRoot: watchRoot) }
    let keepAlive = reader.duration("keep_alive", in: .seconds(5) ... .hours(1)) ?? .seconds(60)
    if keepAlive.milliseconds % 1_000 != 0 {
      reader.error(
        "keep_alive", "keep_alive = \"\(keepAlive.configured)\" is no whole number of seconds",
        advice: "write whole seconds, such as \"60s\"")
    }
    let fallback = reader.subtable("fallback").flatMap { readFallback($0, first: first) }
    reader.finish()
    guard let first, let root, let watchRoot, reader.has("fallback") == (fallback != nil) else { return nil }
    return BrokerSettings(
      first: first.endpoint, fallback: fallback?.endpoint, returnEvery: fallback?.returnEvery ?? .seconds(60),
      root: root, watchRoot: watchRoot, keepAlive: keepAlive,
      isInsecureAllowed: first.isInsecureAllowed)
  }

  /// One or more levels of a topic's name without wildcards (MQTT 5, section 4.7).
  private func readTopicRoot(_ reader: TableReader, _ key: String, required advice: String) -> String? {
    guard let located = reader.string(key, most: 200, required: advice) else { return nil }
    let levels = located.value.split(separator: "/", omittingEmptySubsequences: false)
    let hasWildcard = located.value.contains { $0 == "+" || $0 == "#" }
    guard !levels.contains(where: \.isEmpty), !hasWildcard, !located.value.hasPrefix("$") else {
      reader.error(
        key, "\(key) = \(TOMLValue.quoted(located.value)) cannot begin a topic",
        advice: "write levels joined by single slashes, without + and #, with no slash at either end and no $ in front")
      return nil
    }
    return located.value
  }

  private func checkSeparate(_ reader: TableReader, root: String, watchRoot: String) {
    if (watchRoot + "/").hasPrefix(root + "/") {
      reader.error(
        "watch_root", "watch_root = \(TOMLValue.quoted(watchRoot)) lies under root",
        advice: "choose another first level, because whoever may read root must not read about persons")
    } else if (root + "/").hasPrefix(watchRoot + "/") {
      reader.error(
        "root", "root = \(TOMLValue.quoted(root)) lies under watch_root",
        advice: "choose another first level, because topics under watch_root belong to persons")
    }
  }

  /// Whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  func readFIWARE(_ reader: TableReader) -> FIWARESettings? {
    let apiKeyFile = file(reader, "api_key_file", required: "name the file that holds the API key")
    let representation = reader.choice("format", FIWAREFormat.Representation.self) ?? .keyValues
    let levelModel = reader.choice("water_level", FIWAREFormat.LevelModel.self) ?? .floodMonitoring
    if levelModel == .waterObserved, representation == .keyValues {
      reader.error(
        "water_level", "WaterObserved has a place, which key values on a single level cannot hold",
        advice: "write format = \"ngsi-ld\", or leave water_level out")
    }
    reader.finish()
    return apiKeyFile.map {
      FIWARESettings(
        apiKeyFile: $0, format: FIWAREFormat(representation: representation, levelModel: levelModel))
    }
  }

  func readCAP(_ reader: TableReader) -> CAPSettings? {
    let sender = reader.string("sender", required: "write who sends, such as \"gateway@city.example\"")
    if let sender, sender.value.unicodeScalars.contains(where: { " ,<&".unicodeScalars.contains($0) }) {
      reader.error(
        "sender", "sender = \(TOMLValue.quoted(sender.value)) holds a character that CAP forbids",
        advice: "use none of space, comma, < and &")
    }
    let scope = reader.choice("scope", CAPSettings.Scope.self)
    let restriction = reader.string("restriction")
    if scope ?? .restricted == .restricted, !reader.has("restriction") {
      reader.error(
        "restriction", "a restricted alert says for whom it is", advice: "add restriction, or scope = \"Public\"")
    } else if scope == .public, reader.has("restriction") {
      reader.error(
        "restriction", "a public alert has no restriction", advice: "remove it, or write scope = \"Restricted\"")
    }
    reader.finish()
    return sender.map { CAPSettings(sender: $0.value, scope: scope ?? .restricted, restriction: restriction?.value) }
  }
}
