extension ConfigurationReader {
  func readBroker(_ reader: TableReader) -> BrokerSettings? {
    let host = reader.string("host", most: 253, required: "write the broker's name or address")
    if let host, host.value.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: " ") }) {
      reader.error(
        "host", "host = \(TOMLValue.quoted(host.value)) is not a host",
        advice: "write a name or an address alone, without mqtt:// and without a port")
    }
    let tls = reader.subtable("tls").flatMap(readTLS)
    let port = reader.integer("port", in: 1...65535) ?? (tls == nil ? 1883 : 8883)
    let version = reader.choice("version", BrokerSettings.Version.self) ?? .five
    let root = readTopicRoot(
      reader, "root", required: "write the first levels of all topics, such as \"mimamori/282103\"")
    let watchRoot = readTopicRoot(
      reader, "watch_root", required: "write the first levels of the topics about persons, not under root")
    if let root, let watchRoot { checkSeparate(reader, root: root, watchRoot: watchRoot) }
    let username = reader.string("username")
    let passwordFile = file(reader, "password_file")
    if reader.has("password_file"), !reader.has("username") {
      reader.error("password_file", "there is a password without a username", advice: "add username")
    }
    let insecure = reader.boolean("insecure") ?? false
    if let host { checkPlaintext(reader, host: host, insecure: insecure) }
    reader.finish()
    guard let host, let root, let watchRoot else { return nil }
    return BrokerSettings(
      host: host.value, port: port, version: version, root: root, watchRoot: watchRoot, username: username?.value,
      passwordFile: passwordFile, tls: tls, isInsecureAllowed: insecure)
  }

  private func readTLS(_ reader: TableReader) -> BrokerSettings.TLS? {
    let ca = file(reader, "ca", required: "name the PEM file of the certificates that sign the broker's")
    let certificate = file(reader, "certificate")
    let key = file(reader, "key")
    if reader.has("certificate") != reader.has("key") {
      let (present, absent) = reader.has("key") ? ("key", "certificate") : ("certificate", "key")
      reader.error(present, "\(present) has no \(absent)", advice: "add \(absent), or remove \(present)")
    }
    reader.finish()
    guard let ca else { return nil }
    return BrokerSettings.TLS(ca: ca, certificate: certificate, key: key)
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

  private func checkPlaintext(_ reader: TableReader, host: Located<String>, insecure: Bool) {
    let isPlain = !reader.has("tls")
    if insecure, !isPlain {
      reader.warning("insecure", "insecure has no effect beside [mqtt.tls]", advice: "remove it")
      return
    }
    guard isPlain, !Self.isLoopback(host.value) else { return }
    let what = "\(TOMLValue.quoted(host.value)) is not this machine, and nothing on the way is encrypted"
    if insecure {
      reader.warning(
        "insecure", what, advice: "add [mqtt.tls] as soon as the broker has it; until then anyone on the way can read")
    } else {
      reader.error("host", what, advice: "add [mqtt.tls], or insecure = true if the network itself is protected")
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
    problems.warning(
      "fiware", at: reader.table.position, "[fiware] is accepted but not acted on in this version",
      advice: AcceptedButIdle.fiware.meanwhile)
    reader.finish()
    return apiKeyFile.map(FIWARESettings.init)
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
