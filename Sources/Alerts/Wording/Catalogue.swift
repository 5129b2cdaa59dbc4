/// Every text of alerts and notices in every language. People edit `catalogue.txt`; what is built in is made from it.
struct Catalogue: Sendable {
  /// The texts of one language.
  struct Texts: Sendable {
    private(set) var byKey: [String: Template] = [:]
    /// What cannot be read, as `language: problem`. Empty in a version that passed its tests.
    private(set) var problems: [String] = []
    /// The language.
    let tag: String

    /// Reads lines of `key = text`; a line that cannot be read becomes a problem, and its text falls back.
    init(_ tag: String, _ lines: String) {
      self.tag = tag
      byKey.reserveCapacity(256)
      for line in lines.utf8.split(separator: UInt8(ascii: "\n")) { add(line) }
    }

    private mutating func add(_ line: Substring.UTF8View) {
      guard let space = line.firstIndex(of: UInt8(ascii: " ")), line[space...].starts(with: " = ".utf8) else {
        problems.append("\(tag): no key in \(Substring(line))")
        return
      }
      let key = String(Substring(line[..<space]))
      guard byKey[key] == nil else {
        problems.append("\(tag): [\(key)] has a second text")
        return
      }
      do {
        byKey[key] = try Template(parsing: Substring(line[line.index(space, offsetBy: 3)...]))
      } catch {
        problems.append("\(tag): [\(key)]: nothing is filled in for {\(error.word)}")
      }
    }
  }

  /// BCP 47 tags of the languages that every text is written in.
  static let languages = ["ja", "ja-x-easy", "en", "vi", "zh-Hans", "pt-BR"]

  /// The catalogue that this version was built with. A language is read when its first text is asked for.
  static let embedded = Catalogue(given: nil)

  // Each is read once, and only if it is used.
  private static let embeddedJapanese = Texts("ja", japanese)
  private static let embeddedPlainJapanese = Texts("ja-x-easy", plainJapanese)
  private static let embeddedEnglish = Texts("en", english)
  private static let embeddedVietnamese = Texts("vi", vietnamese)
  private static let embeddedSimplifiedChinese = Texts("zh-Hans", simplifiedChinese)
  private static let embeddedBrazilianPortuguese = Texts("pt-BR", brazilianPortuguese)

  /// Nil: what is embedded.
  private let given: [String: Texts]?

  private init(given: [String: Texts]?) {
    self.given = given
  }

  /// A catalogue of these texts alone.
  init(_ texts: [Texts]) {
    self.init(given: Dictionary(texts.map { ($0.tag, $0) }, uniquingKeysWith: { first, _ in first }))
  }

  /// The texts of a language; nil where it has none.
  func texts(in language: String) -> Texts? {
    if let given { return given[language] }
    return switch language {
    case "ja": Self.embeddedJapanese
    case "ja-x-easy": Self.embeddedPlainJapanese
    case "en": Self.embeddedEnglish
    case "vi": Self.embeddedVietnamese
    case "zh-Hans": Self.embeddedSimplifiedChinese
    case "pt-BR": Self.embeddedBrazilianPortuguese
    default: nil
    }
  }

  /// Where a text is looked for: who reads plain Japanese reads Japanese rather than English.
  static func order(of language: String) -> [String] {
    language == "ja-x-easy" ? [language, "ja", "en"] : [language, "en", "ja"]
  }

  /// The text of the first key that there is one of in `language`, else in those after it in `order`, else the last key
  /// itself.
  func template(_ keys: [String], in language: String) -> Template {
    for language in Self.order(of: language) {
      guard let texts = texts(in: language) else { continue }
      for key in keys {
        if let template = texts.byKey[key] { return template }
      }
    }
    return Template(literal: keys.last ?? "")
  }
}
