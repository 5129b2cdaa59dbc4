import Alerts
import Observations

/// Gathers what concerns one gateway from a list's entries, and looks for contradictions in all of them.
struct WatchListCollector {
  private struct Record {
    let subject: SubjectID
    let person: WatchPlan.Person
    /// The places of this gateway; none for a person who is watched over elsewhere.
    var places: [PlaceID] = []
    /// What is expected at each of them.
    var rules: [WatchRules?] = []
  }

  private struct Assignment: Hashable {
    let record: Int
    let place: PlaceID
  }

  private let gateway: String
  private let places: Set<PlaceID>
  private var seenTags = Set<SHA256Hash>()
  private var entryCount = 0
  private var records: [Record] = []
  private var recordBySubject: [SubjectID: Int] = [:]
  private var rules: [Assignment: WatchRules] = [:]
  /// A whole school has the same few rules, each with a year's holidays: they are kept once.
  private var knownRules = Set<WatchRules>()
  private var ownTags: [(hash: SHA256Hash, record: Int)] = []
  private(set) var expectations: [WatchList.Expectation] = []
  private var seenResolvers = Set<WatchListEntry.Resolver>()
  /// This gateway's tags that have a resolver instead of a hash.
  private var ownRotating: [(resolver: WatchListEntry.Resolver, record: Int)] = []

  init(gateway: String, places: Set<PlaceID>) {
    self.gateway = gateway
    self.places = places
  }

  /// Adds the entry that stands at `location` of the list.
  mutating func add(_ entry: WatchListEntry, at location: String) throws(WatchListRefusal) {
    entryCount += 1
    guard entryCount <= WatchList.maximumTags else {
      throw WatchListRefusal(.tooLong, "it has more than \(WatchList.maximumTags) tags", "divide the group")
    }
    let isKnownResolver = entry.resolver.map { !seenResolvers.insert($0).inserted } ?? false
    if isKnownResolver || entry.tag.map({ !seenTags.insert($0).inserted }) ?? false {
      throw WatchListRefusal(
        .duplicateTag, "\(location) has a tag that stands in the list before", "give each tag to one person only")
    }
    let record = try record(of: entry, at: location)
    let here = entry.assignments.filter { $0.gateway == gateway }
    guard !here.isEmpty else { return }
    for assignment in here {
      try add(assignment, to: record, at: location)
    }
    if let tag = entry.tag {
      ownTags.append((tag, record))
    }
    if let resolver = entry.resolver { ownRotating.append((resolver, record)) }
  }

  private mutating func record(of entry: WatchListEntry, at location: String) throws(WatchListRefusal) -> Int {
    guard let record = recordBySubject[entry.subject] else {
      records.append(Record(subject: entry.subject, person: entry.person))
      recordBySubject[entry.subject] = records.count - 1
      return records.count - 1
    }
    guard records[record].person == entry.person else {
      throw WatchListRefusal(
        .contradiction, "\(location) says that a person is a child whom another entry calls an elder, or the reverse",
        "say the same of one subject everywhere")
    }
    return record
  }

  private mutating func add(
    _ assignment: WatchListEntry.Assignment, to record: Int, at location: String
  ) throws(WatchListRefusal) {
    guard places.contains(assignment.place) else {
      throw WatchListRefusal(
        .unknownPlace, "\(location) names the place '\(assignment.place)', which this gateway does not have",
        "add the [[place]], or correct the list")
    }
    let key = Assignment(record: record, place: assignment.place)
    if records[record].places.contains(assignment.place) {
      guard rules[key] == assignment.rules else {
        throw WatchListRefusal(
          .contradiction, "\(location) has other rules for '\(assignment.place)' than another tag of the same person",
          "say the same at each tag of one subject")
      }
      return
    }
    records[record].places.append(assignment.place)
    records[record].rules.append(assignment.rules.map { knownRules.insert($0).memberAfterInsert })
    if let added = records[record].rules.last ?? nil {
      rules[key] = added
      expectations.append(
        WatchList.Expectation(subject: records[record].subject, place: assignment.place, rules: added))
    }
  }

  /// The persons of this gateway in the order of their first appearance, and each tag with its person's index.
  func finish() -> (
    members: [WatchPlan.Member], tags: [(hash: SHA256Hash, member: Int)],
    rotating: [(resolver: WatchListEntry.Resolver, member: Int)]
  ) {
    var members = [WatchPlan.Member]()
    members.reserveCapacity(records.count { !$0.places.isEmpty })
    var memberByRecord = [Int](repeating: -1, count: records.count)
    // Thousands go through the same few places: they share one array of them.
    var shared = Set<[PlaceID]>()
    var sharedRules = Set<[WatchRules?]>()
    for (index, record) in records.enumerated() where !record.places.isEmpty {
      memberByRecord[index] = members.count
      members.append(
        WatchPlan.Member(
          subject: record.subject, person: record.person, places: shared.insert(record.places).memberAfterInsert,
          rules: record.rules.allSatisfy { $0 == nil } ? [] : sharedRules.insert(record.rules).memberAfterInsert))
    }
    return (
      members, ownTags.map { ($0.hash, memberByRecord[$0.record]) },
      ownRotating.map { ($0.resolver, memberByRecord[$0.record]) }
    )
  }
}
