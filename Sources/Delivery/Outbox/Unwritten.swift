/// What the ledger has yet to write: for a moment, or for as long as it fails.
package struct Unwritten: Sendable {
  private struct Name: Hashable {
    var id: String
    var form: Int64
  }

  private struct Group {
    var root: Int64
    var revisions: Set<Int>
  }

  /// Rows in the order of raising.
  package private(set) var order: [Int64] = []
  private var messages: [Int64: StoredMessage] = [:]
  private var groups: [Name: Group] = [:]
  private var rowsOfRoots: [Int64: [Int64]] = [:]

  package init() {}

  package var count: Int { order.count }

  /// Bytes of the messages, counted as in the inbox.
  package private(set) var bytes = 0

  package var inOrder: [StoredMessage] { order.compactMap { messages[$0] } }

  /// The message of a row. Only what changes in its life may be replaced: the bytes, whether they are frozen, and when
  /// it was acknowledged.
  package subscript(row: Int64) -> StoredMessage? {
    get { messages[row] }
    set {
      guard let old = messages[row], let newValue else { return }
      bytes += newValue.message.waitingBytes - old.message.waitingBytes
      messages[row] = newValue
    }
  }

  package mutating func append(_ stored: StoredMessage) {
    order.append(stored.row)
    messages[stored.row] = stored
    bytes += stored.message.waitingBytes
    rowsOfRoots[stored.root, default: []].append(stored.row)
    let name = Name(id: stored.message.id, form: stored.form)
    groups[name, default: Group(root: stored.root, revisions: [])].revisions.insert(stored.message.revision)
  }

  /// Takes these rows out.
  package mutating func remove(_ rows: [Int64]) -> [StoredMessage] {
    guard !rows.isEmpty else { return [] }
    var removed: [StoredMessage] = []
    for row in rows {
      guard let stored = messages.removeValue(forKey: row) else { continue }
      bytes -= stored.message.waitingBytes
      let name = Name(id: stored.message.id, form: stored.form)
      groups[name]?.revisions.remove(stored.message.revision)
      if groups[name]?.revisions.isEmpty == true { groups[name] = nil }
      rowsOfRoots[stored.root]?.removeAll { $0 == row }
      if rowsOfRoots[stored.root]?.isEmpty == true { rowsOfRoots[stored.root] = nil }
      removed.append(stored)
    }
    let kept = messages
    order.removeAll { kept[$0] == nil }
    return removed
  }

  /// Puts all revisions of an id that came without a known first one below that.
  package mutating func move(root: Int64, below first: Int64) {
    guard root != first, let rows = rowsOfRoots.removeValue(forKey: root) else { return }
    for row in rows {
      guard let stored = messages[row] else { continue }
      messages[row]?.root = first
      groups[Name(id: stored.message.id, form: stored.form)]?.root = first
    }
    rowsOfRoots[first] = (rowsOfRoots[first, default: []] + rows).sorted()
  }

  package mutating func removeAll() {
    order.removeAll(keepingCapacity: true)
    messages.removeAll(keepingCapacity: true)
    groups.removeAll(keepingCapacity: true)
    rowsOfRoots.removeAll(keepingCapacity: true)
    bytes = 0
  }

  /// Later revisions that came without a known first one.
  package var rootless: [StoredMessage] {
    order.lazy.compactMap { messages[$0] }.filter { $0.root == $0.row && $0.message.revision > 1 }
  }

  package func contains(id: String, form: Int64, revision: Int) -> Bool {
    groups[Name(id: id, form: form)]?.revisions.contains(revision) ?? false
  }

  /// The row of the first revision of an id, nil when none is here.
  package func root(id: String, form: Int64) -> Int64? { groups[Name(id: id, form: form)]?.root }

  /// The rows of one id and form, in the order of raising.
  package func rows(root: Int64) -> [Int64] { rowsOfRoots[root] ?? [] }

  /// The lowest sequence of a stream that is not acknowledged.
  package func firstUnacknowledged(stream: String) -> UInt64? {
    messages.values.lazy.filter { $0.message.stream == stream && $0.acknowledgedMilliseconds == nil }
      .compactMap(\.message.sequence).min()
  }
}
