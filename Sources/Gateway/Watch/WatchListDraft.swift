import Alerts
import Observations

/// What the city's machine makes a watch list from: persons and their tags in the clear.
///
/// Read there and nowhere else; of the identifiers, only their keyed hashes leave this file.
struct WatchListDraft: Decodable {
  struct Person: Decodable {
    var subject: String
    var person: WatchPlan.Person
    var tags: [Tag]
    var at: [WatchListEntry.WireAssignment]
  }

  struct Tag: Decodable {
    var format: String
    /// Hexadecimal digits.
    var id: String
  }

  var persons: [Person]

  /// The tags as they stand in a list, hashed under `key`.
  ///
  /// - Throws: status 65 naming the person and the tag by their place in the draft, never by an identifier.
  func entries(hashedWith key: TagKey) throws(GatewayError) -> [WatchListEntry.WireTag] {
    var entries = [WatchListEntry.WireTag]()
    var seen = Set<SHA256Hash>()
    var subjects = Set<String>()
    for (index, person) in persons.enumerated() {
      guard WatchListEntry.isSubject(person.subject) else {
        throw Self.bad(
          "persons[\(index)].subject is not 24 to 40 hexadecimal digits in lower case", "make one with 'sign subject'")
      }
      guard subjects.insert(person.subject).inserted else {
        throw Self.bad("persons[\(index)].subject stands in the list before", "give each person a subject of its own")
      }
      guard !person.tags.isEmpty else {
        throw Self.bad("persons[\(index)] has no tags", "add one or remove the person")
      }
      for (position, tag) in person.tags.enumerated() {
        let location = "persons[\(index)].tags[\(position)]"
        let hash = key.hash(of: try Self.identifier(tag, at: location))
        guard seen.insert(hash).inserted else {
          throw Self.bad("\(location) stands in the list before", "give each tag to one person only")
        }
        entries.append(
          WatchListEntry.WireTag(
            tag: hash.hex, resolver: nil, subject: person.subject, person: person.person, at: person.at))
      }
    }
    return entries
  }

  private static func identifier(_ tag: Tag, at location: String) throws(GatewayError) -> TagIdentifier {
    guard let format = TagFormat.allCases.first(where: { $0.name == tag.format }) else {
      let known = TagFormat.allCases.map(\.name).joined(separator: ", ")
      throw bad("\(location).format is not known", "use one of \(known)")
    }
    guard let bytes = Hexadecimal.bytes(of: tag.id.utf8.span, allowingUpperCase: true),
      bytes.count == length(of: format), let identifier = TagIdentifier(format: format, bytes: bytes.span)
    else {
      throw bad(
        "\(location).id is not \(2 * length(of: format)) hexadecimal digits",
        "write the identifier of \(format.name) as \(layout(of: format)), without hyphens and spaces")
    }
    return identifier
  }

  /// How many bytes a format's identifier has.
  private static func length(of format: TagFormat) -> Int {
    switch format {
    case .iBeacon, .altBeacon: 20
    case .eddystoneUID: 16
    case .lineSimpleBeacon: 5
    }
  }

  private static func layout(of format: TagFormat) -> String {
    switch format {
    case .iBeacon: "UUID, major and minor"
    case .altBeacon: "the 20 bytes of its id"
    case .eddystoneUID: "namespace and instance"
    case .lineSimpleBeacon: "the hardware id"
    }
  }

  private static func bad(_ problem: String, _ advice: String) -> GatewayError {
    GatewayError(.badInputData, "Failed to make the watch list: \(problem): \(advice)")
  }
}
