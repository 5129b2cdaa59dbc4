public import Observations

/// The secret of one rotating tag: with it a gateway knows the tag by identifiers that change all the time.
///
/// Shows nothing of itself when printed.
public struct ResolverKey: Sendable, CustomStringConvertible, CustomReflectable {
  /// No file has more keys.
  public static let mostKeys = 2000
  /// No file is longer, in bytes.
  static let maximumFileBytes = 1 << 20
  /// A tag's clock may stand in so many windows of its rotation at once; more would cost every gateway too much.
  static let mostWindows: Int64 = 64

  /// How the identifier follows from the key.
  public enum Scheme: Sendable, Hashable {
    /// Eddystone-EID: it changes each time 2^`exponent` seconds of the tag's clock are over. That clock was 0 at `zero`
    /// and may be wrong by `tolerance` in either direction.
    case eddystoneEID(exponent: UInt8, zero: WallTime, tolerance: TimeSpan)
    /// A resolvable private address, under the tag's identity resolving key (IRK).
    case address
  }

  public let scheme: Scheme
  private let cipher: AES128

  /// Takes a key of 16 bytes, in the order in which it is written: the highest byte first. Nil for another number, for
  /// an exponent above 15 and for a tolerance of more than 31 rotations.
  public init?(scheme: Scheme, key: [UInt8]) {
    guard let cipher = AES128(key: key), Set(key).count > 1 else { return nil }
    if case .eddystoneEID(let exponent, _, let tolerance) = scheme {
      guard exponent <= 15, tolerance >= .zero else { return nil }
      guard 2 * (tolerance.milliseconds / 1000) >> Int64(exponent) + 2 <= Self.mostWindows else { return nil }
    }
    self.scheme = scheme
    self.cipher = cipher
  }

  public var format: TagFormat {
    switch scheme {
    case .eddystoneEID: .eddystoneEID
    case .address: .resolvableAddress
    }
  }

  /// The identifier that an Eddystone-EID tag sends when its clock shows `seconds`, as one number; nil for another kind.
  public func ephemeralIdentifier(atSeconds seconds: UInt32) -> UInt64? {
    guard case .eddystoneEID(let exponent, _, _) = scheme else { return nil }
    // Eddystone-EID computation: a temporary key from the clock's higher half, then the identifier from all of it.
    let temporary = AES128(
      key: cipher.encrypted(AES128.Block(first: 0, second: 0xFF << 32 | UInt64(seconds >> 16))))
    let rounded = (seconds >> UInt32(exponent)) << UInt32(exponent)
    return temporary.encrypted(AES128.Block(first: 0, second: UInt64(exponent) << 32 | UInt64(rounded))).first
  }

  /// The hash `ah` of 24 bits (Bluetooth Core, Vol 3, Part H, 2.2.2): the lower half of an address whose upper half is
  /// `random`, if the address was made under this key.
  public func addressHash(random: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: cipher.encrypted(AES128.Block(first: 0, second: UInt64(random))).second & 0xFF_FFFF)
  }

  /// The windows of rotation that the tag's clock may stand in at `wall`; nil for another kind, and before its clock ran.
  func windows(at wall: WallTime) -> ClosedRange<Int64>? {
    guard case .eddystoneEID(let exponent, let zero, let tolerance) = scheme else { return nil }
    let seconds = (wall - zero).milliseconds / 1000
    let spread = tolerance.milliseconds / 1000
    let last = seconds + spread
    guard last >= 0, last <= Int64(UInt32.max) else { return nil }
    return (max(0, seconds - spread) >> Int64(exponent))...(last >> Int64(exponent))
  }

  /// The identifier of one such window.
  func identifier(ofWindow window: Int64) -> UInt64 {
    guard case .eddystoneEID(let exponent, _, _) = scheme else { return 0 }
    return ephemeralIdentifier(atSeconds: UInt32(truncatingIfNeeded: window << Int64(exponent))) ?? 0
  }

  /// What a recording calls the tag: it has no identifier that stays, so that its key's name stands for one.
  func recordedHash(reference: String, _ tagKey: TagKey) -> SHA256Hash? {
    var name = [UInt8](repeating: 0, count: 20)
    let digest = SHA256Hash(of: Array(reference.utf8).span).hex
    // Twenty bytes: no identifier of these formats is as long.
    for (index, character) in digest.utf8.prefix(20).enumerated() { name[index] = character }
    return TagIdentifier(format: format, bytes: name.span).map(tagKey.hash(of:))
  }

  /// Whether `text` can be what lists and files call a key.
  static func isReference(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  public var description: String { "ResolverKey" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

// MARK: The file

extension ResolverKey {
  /// What is wrong with a file of keys, and what to do. Never names a key's bytes.
  struct FileProblem: Error {
    let reason: String
    let advice: String
  }

  private struct WireFile: Decodable {
    var keys: [WireKey]
  }

  private struct WireKey: Decodable {
    var reference: String
    var format: String
    var key: String
    var rotationExponent: Int?
    var clockZero: String?
    var clockTolerance: String?

    enum CodingKeys: String, CodingKey {
      case reference = "ref"
      case format, key
      case rotationExponent = "rotation_exponent"
      case clockZero = "clock_zero"
      case clockTolerance = "clock_tolerance"
    }
  }

  /// Reads `{"keys":[{"ref":"…","format":"eddystone-eid","key":"<32 digits>","rotation_exponent":10,"clock_zero":"…",
  /// "clock_tolerance":"1h"},{"ref":"…","format":"rpa","key":"<32 digits>"}]}`.
  static func keys(ofFile bytes: [UInt8]) throws(FileProblem) -> [String: ResolverKey] {
    let wire: WireFile
    do {
      wire = try StrictJSON.decode(WireFile.self, from: bytes)
    } catch {
      throw FileProblem(reason: "\(error)", advice: "write it as docs/sensors/bluetooth.md shows")
    }
    guard wire.keys.count <= mostKeys else {
      throw FileProblem(reason: "there are \(wire.keys.count) keys", advice: "keep at most \(mostKeys)")
    }
    var keys: [String: ResolverKey] = [:]
    for (index, wire) in wire.keys.enumerated() {
      let place = "keys[\(index)]"
      guard isReference(wire.reference) else {
        throw FileProblem(
          reason: "\(place).ref is not 1 to 64 printable ASCII characters", advice: "write what the watch list calls it"
        )
      }
      guard keys.updateValue(try key(wire, place), forKey: wire.reference) == nil else {
        throw FileProblem(reason: "\(place).ref stands in the file before", advice: "give each key its own")
      }
    }
    return keys
  }

  private static func key(_ wire: WireKey, _ place: String) throws(FileProblem) -> ResolverKey {
    guard let bytes = Hexadecimal.bytes(of: wire.key.utf8.span, allowingUpperCase: true), bytes.count == 16 else {
      throw FileProblem(reason: "\(place).key is not 32 hexadecimal digits", advice: "write the key of 16 bytes")
    }
    let scheme: Scheme
    switch TagFormat(name: wire.format) {
    case .resolvableAddress?: scheme = .address
    case .eddystoneEID?:
      guard let exponent = wire.rotationExponent, (0...15).contains(exponent) else {
        throw FileProblem(
          reason: "\(place).rotation_exponent is not 0 to 15", advice: "write the K that the tag was set up with")
      }
      guard let zero = wire.clockZero.flatMap({ WallTime(rfc3339: $0) }) else {
        throw FileProblem(
          reason: "\(place).clock_zero is no time", advice: "write when the tag's clock was 0, with its time zone")
      }
      guard let tolerance = TimeSpan(configured: wire.clockTolerance ?? "10m") else {
        throw FileProblem(reason: "\(place).clock_tolerance is no length of time", advice: "write such as \"1h\"")
      }
      scheme = .eddystoneEID(exponent: UInt8(exponent), zero: zero, tolerance: tolerance)
    default:
      throw FileProblem(reason: "\(place).format is neither eddystone-eid nor rpa", advice: "write one of the two")
    }
    guard let key = ResolverKey(scheme: scheme, key: bytes) else {
      throw FileProblem(
        reason: "\(place) has a key of equal bytes, or a clock_tolerance of more than 31 rotations",
        advice: "write the tag's own key; a tag that rotates fast needs a good clock")
    }
    return key
  }
}
