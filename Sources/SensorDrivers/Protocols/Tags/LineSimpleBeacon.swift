import Observations

/// LINE Simple Beacon: service FE6F, frame type 02, hardware identifier (5 bytes), a byte of power that is always 7F,
/// and a message of 1 to 13 bytes, which may change from minute to minute and is passed over.
enum LineSimpleBeacon: TagRecogniser {
  private static let lengths = 10...22

  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement? {
    guard lengths.contains(content.count), content[0] == 0x6F, content[1] == 0xFE, content[2] == 0x02,
      content[8] == 0x7F, let tag = TagIdentifier(format: .lineSimpleBeacon, bytes: content.extracting(3..<8))
    else { return nil }
    return TagAdvertisement(tag: tag, powerAtOneMetre: nil)
  }
}
