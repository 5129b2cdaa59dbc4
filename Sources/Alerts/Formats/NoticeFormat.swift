public import Observations

/// How far one stream has come: what a receiver finds a missing message by.
public struct StreamHead: Sendable, Hashable {
  /// `alert`, or a subject's pseudonym.
  public var stream: String
  /// The ledger's random id, within which the numbers count.
  public var epoch: String
  /// The epoch of the ledger before, if there was one.
  public var previousEpoch: String?
  /// The last number given; 0 when none was.
  public var last: UInt64
  /// Everything up to this number has been acknowledged by the broker.
  public var deliveredThrough: UInt64

  public init(stream: String, epoch: String, previousEpoch: String?, last: UInt64, deliveredThrough: UInt64) {
    self.stream = stream
    self.epoch = epoch
    self.previousEpoch = previousEpoch
    self.last = last
    self.deliveredThrough = deliveredThrough
  }
}

extension JSONWriter {
  /// `"streams":{"<stream>":{…}}`, the same in health and in a person's head.
  mutating func streamMember(_ head: StreamHead) {
    key("streams")
    beginObject()
    key(head.stream)
    beginObject()
    member("epoch", head.epoch)
    member("last", head.last)
    member("delivered_through", head.deliveredThrough)
    member("previous_epoch", head.previousEpoch)
    endObject()
    endObject()
  }
}

extension Formats {
  /// One notice about one person: schema `mimamori.notice/1`, with `delayed` false.
  public func notice(_ notice: Notice) -> [UInt8] {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.member("schema", "mimamori.notice/1")
    json.member("id", notice.id)
    json.member("revision", notice.revision)
    json.member("mode", notice.mode.rawValue)
    json.member("gateway", context.plan.gateway)
    json.member("stream", notice.subject.text)
    json.member("epoch", context.epoch)
    json.member("sequence", notice.sequence)
    json.clockMembers(boot: context.boot, notice.detected)
    json.member("subject", notice.subject.text)
    json.member("kind", notice.kind.rawValue)
    json.member("place", notice.place.text)
    json.member("place_name", notice.placeName)
    json.member("sensor", notice.sensor.text)
    json.member("detected", text(notice.detected.wall))
    let isTimed = notice.hasBeenSeen && notice.isLastSeenKnown
    json.member("last_seen", isTimed ? text(notice.lastSeen.wall) : nil)
    json.key("confidence")
    json.rounded(min(max(notice.confidence, 0), 1), decimals: 2)
    json.member("delayed", false)
    switch notice.whereabouts {
    case .fixed: json.member("position", position(of: notice.sensor))
    case .moving(let fix): json.member("position", fix, time: fix?.time.map(text))
    }
    if let searchCase = notice.searchCase { json.member("case", searchCase) }
    json.key("text")
    json.beginArray()
    for text in wording.texts(for: notice) {
      json.beginObject()
      json.member("language", text.language)
      json.member("headline", text.headline)
      json.member("description", text.description)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.bytes
  }

  /// The retained head of one person's stream: schema `mimamori.head/1`.
  public func head(_ head: StreamHead, at moment: Moment) -> [UInt8] {
    var json = JSONWriter(capacity: 320)
    json.beginObject()
    json.member("schema", "mimamori.head/1")
    json.member("gateway", context.plan.gateway)
    json.streamMember(head)
    json.member("time", text(moment.wall))
    json.clockMembers(boot: context.boot, moment)
    json.endObject()
    return json.bytes
  }
}
