/// What a check found.
public struct ConfigurationCheck: Sendable {
  /// The file's name as problems show it.
  public let file: String
  /// What can be run; nil if any problem is an error.
  public let configuration: GatewayConfiguration?
  /// Sorted by line.
  public let problems: [Problem]
  /// The text as a tree; nil after a syntax error.
  public let tree: TOMLTable?
  /// The text itself, for its digest.
  public let bytes: [UInt8]

  /// Each problem on its line, closed by a line end; empty where there is none.
  public var problemText: String {
    problems.map { $0.text(file: file) + "\n" }.joined()
  }
}

/// Reads and checks a `gateway.toml` without touching any hardware.
public enum ConfigurationChecker {
  /// Checks the file at `path`; relative paths in it lead to this process's credentials or beside the file.
  ///
  /// - Throws: a `GatewayError` if the file is missing or cannot be read; a bad configuration is not an error here.
  public static func check(path: String) throws(GatewayError) -> ConfigurationCheck {
    let bytes = try InputFile.read(path, limit: TOMLDocument.mostBytes)
    return check(bytes, file: path, locations: FileLocations(configuration: path))
  }

  /// Checks a text. `file` names it in problems; `locations` tell where its relative paths lead.
  public static func check(_ bytes: [UInt8], file: String, locations: FileLocations) -> ConfigurationCheck {
    let tree: TOMLTable
    do throws(TOMLSyntaxError) {
      tree = try TOMLDocument.parse(bytes)
    } catch {
      let problem = Problem(
        position: error.position, severity: .error, key: "", message: error.message,
        advice: "correct it as TOML 1.0 (https://toml.io); the rest is checked after that")
      return ConfigurationCheck(file: file, configuration: nil, problems: [problem], tree: nil, bytes: bytes)
    }
    let problems = ProblemList()
    let configuration = ConfigurationReader(problems: problems, files: locations).read(tree)
    return ConfigurationCheck(
      file: file, configuration: configuration, problems: problems.sorted, tree: tree, bytes: bytes)
  }
}
