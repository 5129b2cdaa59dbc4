/// Every text of alerts and notices in every language: `catalogue.txt`, which is embedded in the program.
struct Catalogue: Sendable {
  /// BCP 47 tags of the languages that every text is written in. The first is shown where another lacks a text.
  static let languages = ["ja", "ja-x-easy", "en"]

  /// The catalogue that this version was built with.
  static let embedded = Catalogue(parsing: PackageResources.catalogue_txt)

  /// The texts by language and key.
  private(set) var texts: [String: [String: Template]] = [:]
  /// What is wrong with the file, as `line: problem`. Empty in a version that passed its tests.
  private(set) var problems: [String] = []

  /// Reads the file's form; a line that cannot be read becomes a problem, and its text falls back.
  init(parsing bytes: [UInt8]) {
    var key: String?
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.isEmpty && line.first != "#" {
      if line.first == "[", line.last == "]" {
        key = String(line.dropFirst().dropLast())
      } else if let key {
        addText(line, of: key, line: index + 1)
      } else {
        problems.append("\(index + 1): a text stands before the first [key]")
      }
    }
  }

  private mutating func addText(_ line: Substring, of key: String, line number: Int) {
    guard let separator = line.firstRange(of: " = ") else {
      problems.append("\(number): write `language = text`")
      return
    }
    let language = String(line[..<separator.lowerBound])
    guard Self.languages.contains(language) else {
      problems.append("\(number): unknown language \(language)")
      return
    }
    guard texts[language]?[key] == nil else {
      problems.append("\(number): [\(key)] has a second text in \(language)")
      return
    }
    do {
      texts[language, default: [:]][key] = try Template(parsing: line[separator.upperBound...])
    } catch {
      problems.append("\(number): nothing is filled in for {\(error.word)}")
    }
  }

  /// The text of the first key that there is one of in `language`, else in the first language, else the last key itself.
  func template(_ keys: [String], in language: String) -> Template {
    for language in [language, Self.languages[0]] {
      guard let texts = texts[language] else { continue }
      for key in keys {
        if let template = texts[key] { return template }
      }
    }
    return Template(literal: keys.last ?? "")
  }
}

extension Substring {
  /// Where `part` first stands, compared byte by byte.
  fileprivate func firstRange(of part: StaticString) -> Range<Index>? {
    let wanted = Array("\(part)".utf8)
    var start = startIndex
    while start < endIndex {
      if utf8[start...].starts(with: wanted) { return start..<utf8.index(start, offsetBy: wanted.count) }
      utf8.formIndex(after: &start)
    }
    return nil
  }
}
