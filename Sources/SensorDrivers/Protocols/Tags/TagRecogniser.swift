public import Observations

/// What an advertisement says of the tag that sent it.
public struct TagAdvertisement: Sendable, Hashable {
  /// Who the tag says that it is. Nothing proves it: none of these formats protects against copies.
  public let tag: TagIdentifier
  /// The signal strength in dBm that the maker measured at 1 m, where the format carries it.
  public let powerAtOneMetre: Int8?

  public init(tag: TagIdentifier, powerAtOneMetre: Int8?) {
    self.tag = tag
    self.powerAtOneMetre = powerAtOneMetre
  }
}

/// Knows one format of tags' advertisements.
protocol TagRecogniser {
  /// What a structure with this content says; nil for every other format. Never traps, whatever the bytes.
  static func recognise(_ content: Span<UInt8>) -> TagAdvertisement?
}

/// Structure types that carry tags.
enum AdvertisingStructureType {
  static let serviceData: UInt8 = 0x16
  static let manufacturerData: UInt8 = 0xFF
}

/// Finds the tag in advertising data: the place where a new format is added.
public enum TagRecognition {
  /// The first tag of a known format; nil when there is none.
  ///
  /// What counts is the structure that carries the identifier. The list of services beside it is not asked: a tag whose
  /// list names another service than its data is a sloppy tag, and refusing it would lose a child and stop no forger.
  public static func recognise(_ data: Span<UInt8>) -> TagAdvertisement? {
    var structures = AdvertisingStructureCursor()
    while let structure = structures.next(in: data) {
      switch structure.type {
      case AdvertisingStructureType.manufacturerData:
        let content = data.extracting(structure.content)
        if let found = IBeacon.recognise(content) ?? AltBeacon.recognise(content) { return found }
      case AdvertisingStructureType.serviceData:
        let content = data.extracting(structure.content)
        if let found = EddystoneUID.recognise(content) ?? LineSimpleBeacon.recognise(content) { return found }
      default:
        continue
      }
    }
    return nil
  }
}
