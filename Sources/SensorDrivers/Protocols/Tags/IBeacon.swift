import Observations

/// Apple's iBeacon (Proximity Beacon Specification R1): company 004C, type 02, length 15h, UUID, major, minor, power.
/// The identifier is the UUID with major and minor behind it, 20 bytes.
enum IBeacon: TagRecogniser {
  private static let length = 25

  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement? {
    guard content.count == length, content[0] == 0x4C, content[1] == 0x00, content[2] == 0x02, content[3] == 0x15,
      let tag = TagIdentifier(format: .iBeacon, bytes: content.extracting(4..<24))
    else { return nil }
    return TagAdvertisement(tag: tag, powerAtOneMetre: Int8(bitPattern: content[24]))
  }
}
