/// A PUBLISH of QoS 1 as it came over the wire: MQTT 5 section 3.3.
struct PublishedMessage: Sendable, Hashable {
  var topic: String
  var payloadFormat: UInt8?
  var expirySeconds: Int?
  var alias: Int?
  var correlationData: [UInt8]?
  var user: [String: String] = [:]
  var payload: [UInt8] = []
  var isRetained: Bool

  /// Nil for any other packet.
  ///
  /// What begins like no properties is a message of MQTT 3.1.1, whose payload comes at once.
  init?(_ packet: Packet) {
    guard packet.type == 3, packet.body.count >= 4 else { return nil }
    let length = Int(packet.body[0]) << 8 | Int(packet.body[1])
    topic = String(decoding: packet.body[2..<(2 + length)], as: UTF8.self)
    isRetained = packet.head & 1 == 1
    let rest = Array(packet.body[(4 + length)...])
    var described = self
    if let count = described.readProperties(of: rest) {
      self = described
      payload = Array(rest[count...])
    } else {
      payload = rest
    }
  }

  /// - Returns: how many bytes they take; nil when these are no properties.
  private mutating func readProperties(of bytes: [UInt8]) -> Int? {
    guard let first = bytes.first, first < 128 else { return nil }
    let end = 1 + Int(first)
    guard end <= bytes.count else { return nil }
    var next = 1
    func number(_ count: Int) -> Int? {
      guard next + count <= end else { return nil }
      defer { next += count }
      return bytes[next..<(next + count)].reduce(0) { $0 << 8 | Int($1) }
    }
    func string() -> [UInt8]? {
      guard let count = number(2), next + count <= end else { return nil }
      defer { next += count }
      return Array(bytes[next..<(next + count)])
    }
    while next < end {
      switch number(1) {
      case 0x01:
        guard let value = number(1) else { return nil }
        payloadFormat = UInt8(value)
      case 0x02:
        guard let value = number(4) else { return nil }
        expirySeconds = value
      case 0x23:
        guard let value = number(2) else { return nil }
        alias = value
      case 0x09:
        guard let value = string() else { return nil }
        correlationData = value
      case 0x26:
        guard let name = string(), let value = string() else { return nil }
        user[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
      default: return nil
      }
    }
    return end
  }
}

/// The payload of a PUBLISH, of either version, as text.
func text(_ packet: Packet) -> String {
  PublishedMessage(packet).map { String(decoding: $0.payload, as: UTF8.self) } ?? ""
}
