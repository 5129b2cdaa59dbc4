import ArgumentParser
import Gateway

/// `schema NAME`: one JSON Schema on standard output; without a name, the names.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Prints the JSON Schema of a payload, or the names of all schemas.")

  @Argument(help: "The schema's name, such as alert. Without it, the names are listed.")
  var name: String?

  func validate() throws {
    guard let name, PublishedSchemas.text(named: name) == nil else { return }
    let names = PublishedSchemas.names.joined(separator: ", ")
    let nearest = PublishedSchemas.nearestName(to: name).map { "did you mean \($0)? " } ?? ""
    throw ValidationError("Failed to find schema \(name): \(nearest)There are \(names).")
  }

  func run() throws {
    try StandardStreams.reportingErrors {
      guard let name else {
        for name in PublishedSchemas.names { try StandardStreams.output(name) }
        return
      }
      try StandardStreams.output(PublishedSchemas.text(named: name) ?? "", terminator: "")
    }
  }
}
