/// A value and where it is written.
public struct Located<Value> {
  public let value: Value
  public let position: TextPosition

  public init(_ value: Value, at position: TextPosition) {
    self.value = value
    self.position = position
  }
}

extension Located: Sendable where Value: Sendable {}

/// Reads one table key by key and notes what is wrong; the keys that were asked for are the keys that are known.
///
/// A reading function returns nil when the key is absent and when its value is wrong; the latter has then been said, and
/// so has the absence of a required one. So a caller may put a default for nil: a configuration with an error is never
/// used. `finish` must be called last: it tells the unknown keys.
public final class TableReader {
  public let table: TOMLTable
  /// How messages name this table: empty for the whole text, else such as `mqtt` or `sensor[river-1]`.
  public private(set) var path: String
  public let problems: ProblemList
  private var known: [String] = []

  public init(_ table: TOMLTable, path: String, problems: ProblemList) {
    self.table = table
    self.path = path
    self.problems = problems
  }

  /// Names this table by what it is called rather than by its number.
  public func rename(_ path: String) {
    self.path = path
  }

  /// The full name of a key of this table.
  public func name(_ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  /// Where the value of `key` is written, or the table where it is not.
  public func position(of key: String) -> TextPosition {
    table[key]?.position ?? table.position
  }

  public func has(_ key: String) -> Bool {
    table.entry(key) != nil
  }

  public func error(_ key: String, _ message: String, advice: String) {
    problems.error(name(key), at: position(of: key), message, advice: advice)
  }

  public func warning(_ key: String, _ message: String, advice: String) {
    problems.warning(name(key), at: position(of: key), message, advice: advice)
  }

  /// Lists `keys` as known without reading them.
  public func know(_ keys: String...) {
    known += keys
  }

  /// The value under `key`, whatever it is; `required` says what to write where it is absent.
  public func value(_ key: String, required advice: String? = nil) -> TOMLValue? {
    known.append(key)
    if let value = table[key] { return value }
    if let advice {
      problems.error(name(key), at: table.position, "\(place) lacks \(key)", advice: advice)
    }
    return nil
  }

  private var place: String {
    if path.isEmpty { return "the configuration" }
    return path.contains("[") ? path : "[\(path)]"
  }

  /// Says what stands under `key` and what should.
  public func wrongType(_ key: String, _ value: TOMLValue, expected: String, advice: String) {
    problems.error(name(key), at: value.position, "\(key) is \(value.kind), not \(expected)", advice: advice)
  }

  /// Says which keys nobody asked for, each with the known one that was probably meant.
  ///
  /// - Parameter elsewhere: keys that are right in a similar table, with the reason why they are not in this one.
  public func finish(elsewhere: [String: String] = [:]) {
    for entry in table.entries where !known.contains(entry.key) {
      let message = "unknown key \(TOMLValue.quoted(entry.key)) in \(place)"
      let advice: String
      if let reason = elsewhere[entry.key] {
        advice = reason
      } else if let near = NearestName.find(entry.key, among: known) {
        advice = "did you mean \(TOMLValue.quoted(near))?"
      } else {
        advice = known.isEmpty ? "remove it" : "remove it; known here: \(known.sorted().joined(separator: ", "))"
      }
      problems.error(name(entry.key), at: entry.keyPosition, message, advice: advice)
    }
  }
}

// MARK: Tables in tables

extension TableReader {
  /// The table under `key`.
  public func subtable(_ key: String, required advice: String? = nil) -> TableReader? {
    guard let value = value(key, required: advice) else { return nil }
    guard case .table(let table) = value.content else {
      wrongType(key, value, expected: "a table", advice: "write it as { … } or under a header [\(name(key))]")
      return nil
    }
    return TableReader(table, path: name(key), problems: problems)
  }

  /// The tables of an array of tables, `[[key]]`, in order; at most `most`.
  public func subtables(_ key: String, most: Int) -> [TableReader] {
    guard let value = value(key) else { return [] }
    guard case .array(let values) = value.content else {
      wrongType(key, value, expected: "an array of tables", advice: "write its header as [[\(name(key))]]")
      return []
    }
    guard values.count <= most else {
      let message = "there are \(values.count) of [[\(name(key))]]"
      problems.error(name(key), at: value.position, message, advice: "this gateway serves at most \(most)")
      return []
    }
    var readers: [TableReader] = []
    for (index, value) in values.enumerated() {
      guard case .table(let table) = value.content else {
        let path = "\(name(key))[\(index + 1)]"
        problems.error(
          path, at: value.position, "\(key) holds \(value.kind), not only tables",
          advice: "write each as a table of its own under a header [[\(name(key))]], or as { … }")
        continue
      }
      readers.append(TableReader(table, path: "\(name(key))[\(index + 1)]", problems: problems))
    }
    return readers
  }

  /// The tables under `key` by their names, such as `[serial.rs485]`; at most `most`.
  public func namedSubtables(_ key: String, most: Int) -> [(entry: TOMLTable.Entry, reader: TableReader)] {
    guard let parent = subtable(key) else { return [] }
    guard parent.table.entries.count <= most else {
      let message = "there are \(parent.table.entries.count) of [\(name(key)).…]"
      problems.error(name(key), at: parent.table.position, message, advice: "this gateway serves at most \(most)")
      return []
    }
    return parent.table.entries.compactMap { entry in
      guard case .table(let table) = entry.value.content else {
        parent.wrongType(
          entry.key, entry.value, expected: "a table", advice: "name it in a header such as [\(name(key)).rs485]")
        return nil
      }
      return (entry, TableReader(table, path: parent.name(entry.key), problems: problems))
    }
  }
}
