/// What is wrong with a command's text, and what would be right.
struct CommandProblem: Error, Sendable, Hashable {
  let text: String

  init(_ text: String) {
    self.text = text
  }
}

/// A value of a command's `with`.
enum CommandValue: Decodable, Sendable, Hashable {
  case nothing
  case flag(Bool)
  case number(Double)
  case text(String)
  case list([CommandValue])
  case object([String: CommandValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .nothing
    } else if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([CommandValue].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: CommandValue].self))
    }
  }
}

/// The members of an object in a command: each is asked for by its name, and none may be left over, because a member that
/// is passed over might have changed what is meant.
struct CommandFields {
  /// How messages call the object.
  private let path: String
  private var values: [String: CommandValue]

  init(_ values: [String: CommandValue], path: String) {
    self.values = values
    self.path = path
  }

  private func name(_ member: String) -> String { "\(path).\(member)" }

  /// Whether the member is there.
  func has(_ member: String) -> Bool { values[member] != nil }

  mutating func text(_ member: String, most: Int) throws(CommandProblem) -> String? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard case .text(let text) = value, (1...most).contains(text.count) else {
      throw CommandProblem("\(name(member)) is not a text of 1 to \(most) characters")
    }
    return text
  }

  mutating func identifier(_ member: String) throws(CommandProblem) -> String? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard let text = Self.identifier(value) else {
      throw CommandProblem("\(name(member)) is not a name of 1 to 40 characters of a-z, 0-9 and hyphens")
    }
    return text
  }

  mutating func identifiers(_ member: String, most: Int) throws(CommandProblem) -> [String]? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard case .list(let list) = value, (1...most).contains(list.count) else {
      throw CommandProblem("\(name(member)) is not a list of 1 to \(most) names")
    }
    let names = list.compactMap(Self.identifier)
    guard names.count == list.count, Set(names).count == names.count else {
      throw CommandProblem("\(name(member)) has an entry that is no name, or one twice")
    }
    return names
  }

  mutating func flag(_ member: String) throws(CommandProblem) -> Bool? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard case .flag(let flag) = value else { throw CommandProblem("\(name(member)) is neither true nor false") }
    return flag
  }

  mutating func number(_ member: String) throws(CommandProblem) -> Double? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard case .number(let number) = value, number.isFinite else {
      throw CommandProblem("\(name(member)) is no number")
    }
    return number
  }

  mutating func objects(_ member: String, most: Int) throws(CommandProblem) -> [CommandFields]? {
    guard let value = values.removeValue(forKey: member) else { return nil }
    guard case .list(let list) = value, (1...most).contains(list.count) else {
      throw CommandProblem("\(name(member)) is not a list of 1 to \(most) entries")
    }
    var objects: [CommandFields] = []
    for (index, entry) in list.enumerated() {
      guard case .object(let values) = entry else { throw CommandProblem("\(name(member))[\(index)] is no object") }
      objects.append(CommandFields(values, path: "\(name(member))[\(index)]"))
    }
    return objects
  }

  /// Throws if there is a member that nobody asked for.
  func finish() throws(CommandProblem) {
    guard let other = values.keys.min() else { return }
    let isPlain = (1...40).contains(other.utf8.count) && other.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    throw CommandProblem(isPlain ? "\(name(other)) is not known" : "\(path) has a member that is not known")
  }

  private static func identifier(_ value: CommandValue) -> String? {
    guard case .text(let text) = value, WatchListEntry.isIdentifier(text) else { return nil }
    return text
  }
}
