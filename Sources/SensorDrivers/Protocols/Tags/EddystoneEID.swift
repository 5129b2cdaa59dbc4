import Observations

/// Eddystone-EID: service FEAA, frame type 30, power at 0 m, and 8 bytes that change every 2^K seconds. The identifier is
/// those 8 bytes; the tag's key says whose they are.
enum EddystoneEID: TagRecogniser {
  private static let length = 12

  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement? {
    guard content.count == length, content[0] == 0xAA, content[1] == 0xFE, content[2] == 0x30,
      let tag = TagIdentifier(format: .eddystoneEID, bytes: content.extracting(4..<12))
    else { return nil }
    let power = Int(Int8(bitPattern: content[3])) - EddystoneUID.lossOfFirstMetre
    return TagAdvertisement(tag: tag, powerAtOneMetre: Int8(exactly: power))
  }
}
