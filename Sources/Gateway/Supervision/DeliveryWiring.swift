import Alerts
import Delivery
import Logging
import Observations

extension GatewayConfiguration {
  /// - Parameter logger: told of secrets that other users of the machine can read.
  /// - Throws: `GatewayError` when the file of a password, a shared key or the API key cannot be read or used.
  func deliverySettings(boot: String, logger: Logger) throws(GatewayError) -> DeliverySettings {
    var settings = DeliverySettings(
      stateFolder: gateway.stateFolder, brokerHost: mqtt.host, brokerPort: mqtt.port, clientID: gateway.id,
      statusTopic: topics.status, bootID: boot)
    settings.broker = try Self.broker(mqtt.first, logger)
    settings.fallback = try mqtt.fallback.map { endpoint throws(GatewayError) in try Self.broker(endpoint, logger) }
    settings.timing.returnNanoseconds = mqtt.returnEvery.nanoseconds
    settings.keepAliveSeconds = Int(mqtt.keepAlive.milliseconds / 1_000)
    settings.limits.observationDays = history.observationDays
    settings.limits.observationRows = history.observationRows
    settings.use(lanes)
    settings.subscriptions = subscriptions
    if let file = fiware?.apiKeyFile { settings.topicSecret = try Self.apiKey(in: file) }
    return settings
  }

  private static func broker(
    _ endpoint: BrokerSettings.Endpoint, _ logger: Logger
  ) throws(GatewayError) -> DeliverySettings.Broker {
    var broker = DeliverySettings.Broker(
      host: endpoint.host, port: endpoint.port, version: endpoint.version == .five ? .five : .three,
      userName: endpoint.username)
    if let file = endpoint.passwordFile {
      broker.password = String(decoding: try secretLine(of: file), as: UTF8.self)
    }
    for file in [endpoint.passwordFile, endpoint.tls?.key] {
      if let file, let warning = KeyFile.warning(secretAt: file.path) { logger.warning("\(warning)") }
    }
    guard let tls = endpoint.tls else { return broker }
    var security = DeliverySettings.TransportSecurity(
      authorityFile: tls.ca?.path, certificateFile: tls.certificate?.path, keyFile: tls.key?.path)
    security.minimumVersion = tls.minimumVersion == .oneThree ? .oneThree : .oneTwo
    if let shared = tls.sharedKey {
      let loaded = try KeyFile.sharedKey(at: shared.file.path)
      if let warning = loaded.warning { logger.warning("\(warning)") }
      security.sharedKey = .init(identity: shared.identity, key: loaded.key)
    }
    broker.security = security
    return broker
  }

  /// The first line of a file that holds a secret.
  private static func secretLine(of file: FileReference) throws(GatewayError) -> ArraySlice<UInt8> {
    try InputFile.read(file.path, limit: 4096).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
  }

  /// The key of an IoT Agent: a level of topics.
  private static func apiKey(in file: FileReference) throws(GatewayError) -> String {
    let line = try secretLine(of: file)
    let isUsable = line.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/+#{}".utf8.contains($0) }
    guard isUsable, !line.isEmpty, line.count <= 200 else {
      throw GatewayError(
        .badConfiguration,
        "Failed to use the API key in \(file.path): write it on one line, of up to 200 letters, digits and signs"
          + " without space, slash, +, # and braces")
    }
    return String(decoding: line, as: UTF8.self)
  }
}
