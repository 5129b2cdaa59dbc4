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

  /// A fixed tag by `id`, or a rotating one by `key_ref`.
  struct Tag: Decodable {
    var format: String
    /// Hexadecimal digits.
    var id: String?
    /// What the gateways' files of keys call the key of a rotating tag.
    var keyReference: String?

    enum CodingKeys: String, CodingKey {
      case format, id
      case keyReference = "key_ref"
    }
  }

  /// A format of the gateways' `[[tag_format]]`, so that a misspelled one is told apart from it.
  struct Format: Decodable {
    var name: String
    /// How many bytes its identifiers have.
    var bytes: Int
  }

  var formats: [Format]?
  var persons: [Person]

  /// The tags as they stand in a list, hashed under `key`.
  ///
  /// - Throws: status 65 naming the person and the tag by their place in the draft, never by an identifier.
  func entries(hashedWith key: TagKey) throws(GatewayError) -> [WatchListEntry.WireTag] {
    var entries = [WatchListEntry.WireTag]()
    var seen = Set<SHA256Hash>()
    var references = Set<WatchListEntry.Resolver>()
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
        if let reference = tag.keyReference {
          let resolver = try Self.resolver(tag, reference, at: location)
          guard references.insert(resolver).inserted else {
            throw Self.bad("\(location) stands in the list before", "give each tag to one person only")
          }
          entries.append(
            WatchListEntry.WireTag(
              tag: nil, resolver: .init(format: resolver.format, keyReference: resolver.keyReference),
              subject: person.subject, person: person.person, at: person.at))
          continue
        }
        let hash = key.hash(of: try identifier(tag, at: location))
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

  private static func resolver(
    _ tag: Tag, _ reference: String, at location: String
  ) throws(GatewayError) -> WatchListEntry.Resolver {
    guard tag.id == nil else { throw bad("\(location) has both id and key_ref", "keep key_ref for a rotating tag") }
    guard TagFormat.rotating.contains(where: { $0.name == tag.format }) else {
      let known = TagFormat.rotating.map(\.name).joined(separator: ", ")
      throw bad("\(location).format is no format of rotating tags", "use one of \(known)")
    }
    guard ResolverKey.isReference(reference) else {
      throw bad("\(location).key_ref is not 1 to 64 printable ASCII characters", "write what the keys' file calls it")
    }
    return WatchListEntry.Resolver(format: tag.format, keyReference: reference)
  }

  private func identifier(_ tag: Tag, at location: String) throws(GatewayError) -> TagIdentifier {
    guard let format = TagFormat(name: tag.format), let length = length(of: format) else {
      let known = (TagFormat.fixed.map(\.name) + (formats ?? []).map(\.name)).joined(separator: ", ")
      throw Self.bad("\(location).format is not known", "use one of \(known)")
    }
    guard let bytes = tag.id.flatMap({ Hexadecimal.bytes(of: $0.utf8.span, allowingUpperCase: true) }),
      bytes.count == length, let identifier = TagIdentifier(format: format, bytes: bytes.span)
    else {
      throw Self.bad(
        "\(location).id is not \(2 * length) hexadecimal digits",
        "write the identifier of \(format.name) as \(Self.layout(of: format)), without hyphens and spaces")
    }
    return identifier
  }

  /// How many bytes a format's identifier has; nil for an unknown format.
  private func length(of format: TagFormat) -> Int? {
    if TagFormat.fixed.contains(format) { return format.identifierLength }
    return formats?.first { $0.name == format.name }?.bytes
  }

  private static func layout(of format: TagFormat) -> String {
    switch format {
    case .iBeacon: "UUID, major and minor"
    case .altBeacon: "the 20 bytes of its id"
    case .eddystoneUID: "namespace and instance"
    case .lineSimpleBeacon: "the hardware id"
    default: "the bytes that its [[tag_format]] names"
    }
  }

  private static func bad(_ problem: String, _ advice: String) -> GatewayError {
    GatewayError(.badInputData, "Failed to make the watch list: \(problem): \(advice)")
  }
}
