import Alerts
import Observations

/// One tag of a watch list: whose it is, and where that person is watched over.
struct WatchListEntry: Sendable {
  struct Assignment: Sendable {
    var gateway: String
    var place: PlaceID
    var rules: WatchRules?
  }

  /// The key that resolves a rotating tag.
  struct Resolver: Sendable, Hashable {
    /// The tag's format; one that this program does not know is passed over.
    var format: String
    var keyReference: String
  }

  /// Nil for a rotating tag, which names a resolver instead of a hash.
  var tag: SHA256Hash?
  var resolver: Resolver?
  var subject: SubjectID
  var person: WatchPlan.Person
  var assignments: [Assignment]

  /// One person is watched over at no more places than this, over all gateways.
  static let maximumAssignments = 64

  /// Reads part `number` of a list, whose bytes the manifest has vouched for.
  static func entries(ofPart number: Int, bytes: ArraySlice<UInt8>) throws(WatchListRefusal) -> [WatchListEntry] {
    let wire: WirePart
    do {
      wire = try StrictJSON.decode(WirePart.self, from: Array(bytes))
    } catch {
      throw malformed(number, "\(error)")
    }
    var entries = [WatchListEntry]()
    entries.reserveCapacity(wire.tags.count)
    for (index, tag) in wire.tags.enumerated() {
      do {
        entries.append(try WatchListEntry(tag))
      } catch {
        throw malformed(number, "tags[\(index)].\(error.problem)")
      }
    }
    return entries
  }

  /// Whether `text` is a pseudonym: 24 to 40 hexadecimal digits in lower case, which is 96 bits or more.
  static func isSubject(_ text: String) -> Bool {
    (24...40).contains(text.utf8.count)
      && text.utf8.allSatisfy { character in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(character)
      }
  }

  /// Whether `text` can name a gateway or a place: 1 to 40 of a-z, 0-9 and hyphens.
  static func isIdentifier(_ text: String) -> Bool {
    (1...40).contains(text.utf8.count)
      && text.utf8.allSatisfy { character in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
          || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character) || character == UInt8(ascii: "-")
      }
  }

  private static func malformed(_ part: Int, _ problem: String) -> WatchListRefusal {
    WatchListRefusal(
      .malformed, "part \(part) is malformed: \(problem)", "make the list with 'mimamori-gateway sign'")
  }
}

extension WatchListEntry {
  private struct Problem: Error {
    let problem: String
  }

  private init(_ wire: WireTag) throws(Problem) {
    switch (wire.tag, wire.resolver) {
    case (let text?, nil):
      guard let hash = SHA256Hash(hex: text) else {
        throw Problem(problem: "tag is not 64 hexadecimal digits in lower case")
      }
      tag = hash
    case (nil, let wire?):
      guard ResolverKey.isReference(wire.keyReference) else {
        throw Problem(problem: "resolver.key_ref is not 1 to 64 printable ASCII characters")
      }
      resolver = Resolver(format: wire.format, keyReference: wire.keyReference)
    default: throw Problem(problem: "tag or resolver must be given, and not both")
    }
    guard Self.isSubject(wire.subject) else {
      throw Problem(problem: "subject is not 24 to 40 hexadecimal digits in lower case")
    }
    subject = SubjectID(wire.subject)
    person = wire.person
    guard wire.at.count <= Self.maximumAssignments else {
      throw Problem(problem: "at has more than \(Self.maximumAssignments) places")
    }
    assignments = []
    var seen = Set<String>()
    for (index, assignment) in wire.at.enumerated() {
      guard Self.isIdentifier(assignment.gateway) else {
        throw Problem(problem: "at[\(index)].gateway is not 1 to 40 of a-z, 0-9 and hyphens")
      }
      guard Self.isIdentifier(assignment.place) else {
        throw Problem(problem: "at[\(index)].place is not 1 to 40 of a-z, 0-9 and hyphens")
      }
      guard seen.insert("\(assignment.gateway)/\(assignment.place)").inserted else {
        throw Problem(problem: "at[\(index)] names a place for the second time")
      }
      var rules: WatchRules?
      if let wire = assignment.rules {
        do {
          rules = try WatchRules(wire)
        } catch {
          throw Problem(problem: "at[\(index)].rules: \(error.problem)")
        }
      }
      assignments.append(
        Assignment(gateway: assignment.gateway, place: PlaceID(assignment.place), rules: rules))
    }
  }

  struct WirePart: Codable {
    var tags: [WireTag]
  }

  /// A tag as it is written, with the names of the wire.
  struct WireTag: Codable {
    struct Resolver: Codable {
      var format: String
      var keyReference: String

      enum CodingKeys: String, CodingKey {
        case format
        case keyReference = "key_ref"
      }
    }

    var tag: String?
    var resolver: Resolver?
    var subject: String
    var person: WatchPlan.Person
    var at: [WireAssignment]
  }

  struct WireAssignment: Codable {
    var gateway: String
    var place: String
    var rules: WatchRules.Wire?
  }
}
