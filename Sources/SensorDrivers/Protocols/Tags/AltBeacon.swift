import Observations

/// AltBeacon 1.0: any company, the code BEAC, 20 bytes of identifier, power, and a byte that the maker may use.
/// Who made the tag is no part of the identifier.
enum AltBeacon: TagRecogniser {
  private static let length = 26

  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement? {
    guard content.count == length, content[2] == 0xBE, content[3] == 0xAC,
      let tag = TagIdentifier(format: .altBeacon, bytes: content.extracting(4..<24))
    else { return nil }
    return TagAdvertisement(tag: tag, powerAtOneMetre: Int8(bitPattern: content[24]))
  }
}
