/// What changes from one configuration to another, key by key.
public struct ConfigurationDifference: Sendable, Hashable {
  /// One key whose value differs; values as TOML on one line.
  public struct Change: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
      case added(new: String)
      case removed(old: String)
      case changed(old: String, new: String)
    }

    /// Such as `sensor[river-1].register.address`.
    public let key: String
    public let kind: Kind
  }

  /// What the new text has, in its order; then what it lacks, in the order of the old one.
  public let changes: [Change]

  /// Tables of an array are compared by what they are called, so that moving one changes nothing.
  public init(from old: TOMLTable, to new: TOMLTable) {
    let oldLeaves = Self.leaves(of: old)
    let newLeaves = Self.leaves(of: new)
    let oldValues = Dictionary(oldLeaves.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let newKeys = Set(newLeaves.map(\.key))
    var changes: [Change] = []
    for (key, value) in newLeaves {
      guard let oldValue = oldValues[key] else {
        changes.append(Change(key: key, kind: .added(new: value)))
        continue
      }
      if oldValue != value { changes.append(Change(key: key, kind: .changed(old: oldValue, new: value))) }
    }
    for (key, value) in oldLeaves where !newKeys.contains(key) {
      changes.append(Change(key: key, kind: .removed(old: value)))
    }
    self.changes = changes
  }

  /// One change a line.
  public var text: String {
    guard !changes.isEmpty else { return "Nothing changes.\n" }
    return changes.map { change in
      switch change.kind {
      case .added(let new): "added    \(change.key) = \(new)\n"
      case .removed(let old): "removed  \(change.key) = \(old)\n"
      case .changed(let old, let new): "changed  \(change.key): \(old) -> \(new)\n"
      }
    }.joined()
  }

  private typealias Leaf = (key: String, value: String)

  private static func leaves(of table: TOMLTable, under path: String = "") -> [Leaf] {
    table.entries.flatMap { entry in
      leaves(of: entry.value, named: path.isEmpty ? entry.key : "\(path).\(entry.key)")
    }
  }

  private static func leaves(of value: TOMLValue, named name: String) -> [Leaf] {
    switch value.content {
    case .table(let table) where !table.entries.isEmpty:
      return leaves(of: table, under: name)
    case .array(let values) where !values.isEmpty && values.allSatisfy(\.isTable):
      var used: Set<String> = []
      return values.enumerated().flatMap { index, value -> [Leaf] in
        guard case .table(let table) = value.content else { return [] }
        var path = "\(name)[\(Self.title(of: table) ?? String(index + 1))]"
        if !used.insert(path).inserted { path = "\(name)[\(index + 1)]" }
        return leaves(of: table, under: path)
      }
    default:
      return [(name, comparable(value))]
    }
  }

  /// What a table of an array is called.
  private static func title(of table: TOMLTable) -> String? {
    for key in ["id", "sensor", "kid", "name"] {
      if case .string(let text) = table[key]?.content { return text }
    }
    return nil
  }

  /// `4`, `4.0` and `4.00` mean the same.
  private static func comparable(_ value: TOMLValue) -> String {
    if case .float(let number) = value.content, let whole = Int64(exactly: number) { return String(whole) }
    return value.text
  }
}

extension TOMLValue {
  var isTable: Bool {
    if case .table = content { return true }
    return false
  }
}
