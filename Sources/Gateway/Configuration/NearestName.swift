/// Finds the name that was probably meant.
enum NearestName {
  /// The member of `names` with the fewest edits from `name`, if so few that it looks like a slip: at most a third of
  /// the longer of the two, and at least one.
  static func find(_ name: String, among names: some Sequence<String>) -> String? {
    var best: (name: String, distance: Int)?
    for candidate in names where candidate != name {
      let limit = max(1, max(candidate.unicodeScalars.count, min(name.unicodeScalars.count, 64)) / 3)
      let distance = distance(name, candidate)
      if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// How many letters must be inserted, deleted, replaced or swapped with their neighbour (optimal string alignment).
  /// Only the first 64 letters count: no known name is longer.
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.unicodeScalars.prefix(64))
    let right = Array(right.unicodeScalars.prefix(64))
    guard !left.isEmpty else { return right.count }
    guard !right.isEmpty else { return left.count }
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 1...left.count {
      var current = [row]
      for column in 1...right.count {
        let replaced = last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
        var cost = min(last[column] + 1, current[column - 1] + 1, replaced)
        if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
          cost = min(cost, beforeLast[column - 2] + 1)
        }
        current.append(cost)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
