public import Observations

/// How often a tag, or all of one format, was heard at which strength.
public struct SignalHistogram: Sendable, Hashable {
  /// The lower end of the first class and the width of each, in dBm.
  static let first = -105
  static let width = 5
  static let classes = 16

  private var counts = [Int](repeating: 0, count: classes)
  private var levels = [Int](repeating: 0, count: 256)
  public private(set) var count = 0
  public private(set) var weakest: Int8 = .max
  public private(set) var strongest: Int8 = .min

  public init() {}

  /// Counts one sighting of `signal` dBm; what lies beyond the classes belongs to the first or the last.
  public mutating func add(_ signal: Int8) {
    let index = (Int(signal) - Self.first) / Self.width
    counts[min(max(Int(signal) < Self.first ? 0 : index, 0), Self.classes - 1)] += 1
    levels[Int(signal) + 128] += 1
    count += 1
    weakest = min(weakest, signal)
    strongest = max(strongest, signal)
  }

  /// Half of the sightings were at most as strong; nil before the first.
  public var median: Int8? {
    var rest = (count + 1) / 2
    for (index, number) in levels.enumerated() where number > 0 {
      rest -= number
      if rest <= 0 { return Int8(index - 128) }
    }
    return nil
  }

  /// One character a class, from -105 to -25 dBm: a dot for none, and bars up to the fullest.
  public var bars: String {
    let marks = Array("▁▂▃▄▅▆▇█")
    let most = counts.max() ?? 0
    return String(
      counts.map { number in
        number == 0 ? "·" : marks[min(number * marks.count / max(most, 1), marks.count - 1)]
      })
  }
}

/// What a receiver heard of tags, told without telling who they are.
public struct TagSurvey: Sendable {
  /// Tags that are told apart at most; the sightings of further ones are counted together.
  public static let mostTags = 500

  public struct Tag: Sendable, Hashable {
    /// The tag's keyed hash, or with `--clear-ids` its identifier.
    public let name: String
    public let format: TagFormat
    public fileprivate(set) var histogram = SignalHistogram()
  }

  private let key: TagKey?
  private var places: [TagIdentifier: Int] = [:]
  public private(set) var tags: [Tag] = []
  /// Sightings of tags for which there was no room.
  public private(set) var others = 0
  public private(set) var formats: [TagFormat: Int] = [:]
  public private(set) var alive = 0
  /// Why the receiver was not believed, in the order in which that began.
  public private(set) var faults: [FaultCause] = []

  /// - Parameter key: what identifiers are hashed with; nil shows them in the clear.
  public init(key: TagKey?) {
    self.key = key
  }

  public mutating func take(_ observation: Observation) {
    switch observation {
    case .sighting(_, let sighting): hear(sighting)
    case .alive: alive += 1
    case .fault(_, let cause):
      if faults.last != cause, faults.count < 100 { faults.append(cause) }
    default: break
    }
  }

  private mutating func hear(_ sighting: TagSighting) {
    formats[sighting.tag.format, default: 0] += 1
    if let place = places[sighting.tag] {
      tags[place].histogram.add(sighting.signal)
      return
    }
    guard tags.count < Self.mostTags else {
      others += 1
      return
    }
    places[sighting.tag] = tags.count
    var tag = Tag(
      name: key.map { $0.hash(of: sighting.tag).hex } ?? sighting.tag.hexadecimal, format: sighting.tag.format)
    tag.histogram.add(sighting.signal)
    tags.append(tag)
  }

  /// The table that `probe ble` prints: the strongest first.
  public var text: String {
    var lines = [
      "tag                     format          heard   dBm           median  -105\(String(repeating: " ", count: 10))-25"
    ]
    let sorted = tags.sorted { ($0.histogram.median ?? 0, $0.name) > ($1.histogram.median ?? 0, $1.name) }
    for tag in sorted {
      let histogram = tag.histogram
      let name = key == nil ? tag.name : String(tag.name.prefix(16))
      lines.append(
        [
          Self.padded(name, 22), Self.padded(tag.format.name, 14), Self.padded("\(histogram.count)", 6),
          Self.padded("\(histogram.weakest)…\(histogram.strongest)", 12),
          Self.padded(histogram.median.map { "\($0)" } ?? "", 6), histogram.bars,
        ].joined(separator: "  "))
    }
    if others > 0 { lines.append("and \(others) sightings of further tags: only \(Self.mostTags) are told apart") }
    for (format, count) in formats.sorted(by: { $0.key.name < $1.key.name }) {
      lines.append("\(format.name): \(tags.count { $0.format == format }) tags, \(count) sightings")
    }
    if tags.isEmpty { lines.append("no tag of a known format was heard") }
    return lines.joined(separator: "\n")
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
