import Observations

/// Eddystone-UID: service FEAA, frame type 00, power at 0 m, namespace (10 bytes), instance (6), two reserved bytes
/// that some tags leave out. The identifier is namespace and instance, 16 bytes.
enum EddystoneUID: TagRecogniser {
  private static let lengths = 20...22
  /// What a signal loses on its first metre, in dB, as the specification counts it.
  static let lossOfFirstMetre = 41

  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement? {
    guard lengths.contains(content.count), content[0] == 0xAA, content[1] == 0xFE, content[2] == 0x00,
      let tag = TagIdentifier(format: .eddystoneUID, bytes: content.extracting(4..<20))
    else { return nil }
    let power = Int(Int8(bitPattern: content[3])) - lossOfFirstMetre
    return TagAdvertisement(tag: tag, powerAtOneMetre: Int8(exactly: power))
  }
}
