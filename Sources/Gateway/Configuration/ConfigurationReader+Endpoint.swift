import Alerts
import Observations

/// How a broker is reached and how both sides prove who they are.
extension ConfigurationReader {
  /// An endpoint and whether it may be spoken to in the clear.
  struct ReadEndpoint {
    let endpoint: BrokerSettings.Endpoint
    let isInsecureAllowed: Bool
  }

  /// - Parameter first: of a fallback: the first broker, whose login and TLS hold where the fallback names none.
  func readEndpoint(_ reader: TableReader, first: BrokerSettings.Endpoint? = nil) -> ReadEndpoint? {
    let host = reader.string("host", most: 253, required: "write the broker's name or address")
    if let host, host.value.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: " ") }) {
      reader.error(
        "host", "host = \(TOMLValue.quoted(host.value)) is not a host",
        advice: "write a name or an address alone, without mqtt:// and without a port")
    }
    let tls = reader.subtable("tls").flatMap(readTLS) ?? (reader.has("tls") ? nil : first?.tls)
    let port = reader.integer("port", in: 1...65535) ?? (tls == nil ? 1883 : 8883)
    let version = reader.choice("version", BrokerSettings.Version.self) ?? first?.version ?? .five
    var username = reader.string("username")?.value
    var passwordFile = file(reader, "password_file")
    if reader.has("password_file"), !reader.has("username") {
      reader.error("password_file", "there is a password without a username", advice: "add username")
    }
    if !reader.has("username"), !reader.has("password_file") {
      (username, passwordFile) = (first?.username, first?.passwordFile)
    }
    let insecure = reader.boolean("insecure") ?? false
    if let host { checkPlaintext(reader, host: host, isSecured: tls != nil || reader.has("tls"), insecure: insecure) }
    guard let host else { return nil }
    let endpoint = BrokerSettings.Endpoint(
      host: host.value, port: port, version: version, username: username, passwordFile: passwordFile, tls: tls)
    return ReadEndpoint(endpoint: endpoint, isInsecureAllowed: insecure)
  }

  func readFallback(
    _ reader: TableReader, first: ReadEndpoint?
  ) -> (endpoint: BrokerSettings.Endpoint, returnEvery: TimeSpan)? {
    let fallback = readEndpoint(reader, first: first?.endpoint)?.endpoint
    if let fallback, let first = first?.endpoint, fallback.host == first.host, fallback.port == first.port {
      reader.error(
        "host", "the fallback is the first broker itself",
        advice: "write another host or another port, or remove [mqtt.fallback]")
    }
    let returnEvery = reader.duration("return_every", in: .seconds(1) ... .hours(1)) ?? .seconds(60)
    reader.finish()
    return fallback.map { ($0, returnEvery) }
  }

  private func readTLS(_ reader: TableReader) -> BrokerSettings.TLS? {
    let isShared = reader.has("psk_identity") || reader.has("psk_file")
    let ca = certificates(
      reader, "ca", required: isShared ? nil : "name the PEM file of the certificates that sign the broker's")
    let certificate = certificates(reader, "certificate")
    let key = file(reader, "key")
    if reader.has("certificate") != reader.has("key") {
      let (present, absent) = reader.has("key") ? ("key", "certificate") : ("certificate", "key")
      reader.error(present, "\(present) has no \(absent)", advice: "add \(absent), or remove \(present)")
    }
    let shared = isShared ? readSharedKey(reader) : nil
    let minimumVersion = reader.choice("minimum_version", BrokerSettings.TLS.MinimumVersion.self) ?? .oneTwo
    reader.finish()
    guard isShared ? shared != nil : ca != nil else { return nil }
    return BrokerSettings.TLS(
      ca: ca, certificate: certificate, key: key, sharedKey: shared, minimumVersion: minimumVersion)
  }

  private func readSharedKey(_ reader: TableReader) -> BrokerSettings.TLS.SharedKey? {
    for other in ["ca", "certificate", "key"] where reader.has(other) {
      reader.error(
        other, "\(other) stands beside a shared key, which takes the place of certificates",
        advice: "remove \(other), or psk_identity and psk_file")
    }
    let identity = reader.string(
      "psk_identity", most: 127, required: "write the name by which the broker finds the shared key")
    if let identity, identity.value.isEmpty || identity.value.utf8.count > 127 || identity.value.utf8.contains(58) {
      reader.error(
        "psk_identity", "psk_identity = \(TOMLValue.quoted(identity.value)) names no key at a broker",
        advice: "write 1 to 127 bytes without a colon, best the gateway's id")
    }
    let file = file(reader, "psk_file", required: "name the file that holds the shared key in hexadecimal digits")
    if let file, FileLocations.exists(file.path) {
      do {
        _ = try KeyFile.sharedKey(at: file.path)
      } catch {
        if error.status == .badInputData {
          reader.error(
            "psk_file", "\(file.path) holds no shared key",
            advice: "write 32 to 128 hexadecimal digits on one line, such as 'openssl rand -hex 32' makes")
        }
      }
    }
    guard let identity, let file else { return nil }
    return BrokerSettings.TLS.SharedKey(identity: identity.value, file: file)
  }

  /// A file of certificates. One that is there must hold some; whether the gateway may read it shows when it runs.
  private func certificates(_ reader: TableReader, _ key: String, required advice: String? = nil) -> FileReference? {
    guard let file = file(reader, key, required: advice) else { return nil }
    guard FileLocations.exists(file.path) else { return file }
    do {
      _ = try CertificateFile.end(at: file.path)
    } catch {
      if error.status == .badInputData {
        reader.error(
          key, "\(file.path) holds no certificate", advice: "bring one in PEM, with its BEGIN and END lines")
      }
    }
    return file
  }

  private func checkPlaintext(_ reader: TableReader, host: Located<String>, isSecured: Bool, insecure: Bool) {
    if insecure, isSecured {
      reader.warning("insecure", "insecure has no effect beside [mqtt.tls]", advice: "remove it")
      return
    }
    guard !isSecured, !Self.isLoopback(host.value) else { return }
    let what = "\(TOMLValue.quoted(host.value)) is not this machine, and nothing on the way is encrypted"
    if insecure {
      reader.warning(
        "insecure", what, advice: "add [mqtt.tls] as soon as the broker has it; until then anyone on the way can read")
    } else {
      reader.error("host", what, advice: "add [mqtt.tls], or insecure = true if the network itself is protected")
    }
  }
}
