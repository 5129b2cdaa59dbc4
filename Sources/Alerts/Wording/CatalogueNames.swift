/// The catalogue's short names of things, for reports that people read beside the messages themselves.
public struct CatalogueNames: Sendable {
  /// BCP 47, one of the catalogue's languages.
  public let language: String

  public init(language: String) {
    self.language = language
  }

  /// Such as "danger threshold".
  public func step(_ step: LadderStep) -> String { text("step.\(step.rawValue)") }

  /// Such as "Rapid rise of water level".
  public func kind(_ kind: AlertKind) -> String { text("event.\(kind.rawValue)") }

  /// Such as "Arrival".
  public func notice(_ kind: NoticeKind) -> String { text("notice_event.\(kind.rawValue)") }

  private func text(_ key: String) -> String {
    Catalogue.embedded.template([key], in: language).render(Template.Values())
  }
}
