using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Fleet.Benchmarks.House;

/// <summary>One method with a body: a constructor, an operator, a local function and a Program.cs count as one each.</summary>
/// <param name="Name">Its type and name.</param>
/// <param name="Line">Where it begins.</param>
/// <param name="Lines">Its lines from signature to closing brace, without doc comment and attributes.</param>
internal sealed record Method(string Name, int Line, int Lines);

/// <summary>What is counted in a source file.</summary>
/// <param name="Path">Its path in the repository.</param>
/// <param name="Lines">All its lines.</param>
/// <param name="CodeLines">Lines with something on them that is not a comment.</param>
/// <param name="Longest">Columns of its longest line.</param>
/// <param name="TooLong">How many lines go past column <see cref="HouseFigures.Columns"/>.</param>
/// <param name="Methods">Its methods.</param>
/// <param name="PublicTypes">Types it declares that others can see.</param>
/// <param name="Documented">How many of these have a doc comment.</param>
internal sealed record SourceFile(
    string Path, int Lines, int CodeLines, int Longest, int TooLong, IReadOnlyList<Method> Methods, int PublicTypes, int Documented)
{
    /// <summary>Reads a C# file.</summary>
    public static SourceFile Of(string path, string text)
    {
        var root = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview)).GetCompilationUnitRoot();
        var lines = text.TrimEnd('\n').Split('\n');
        var types = root.DescendantNodes().Where(node => node is BaseTypeDeclarationSyntax or DelegateDeclarationSyntax).Where(IsPublic)
            .ToList();
        return new SourceFile(
            path,
            lines.Length,
            CodeLinesOf(root),
            lines.Max(line => line.Length),
            lines.Count(line => line.Length > HouseFigures.Columns),
            [.. MethodsOf(root)],
            types.Count,
            types.Count(type => type.GetLeadingTrivia().Any(trivia => trivia.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia))));
    }

    // A raw string of five lines is five lines of code.
    private static int CodeLinesOf(CompilationUnitSyntax root)
    {
        var code = new HashSet<int>();
        foreach (var token in root.DescendantTokens().Where(token => token.Span.Length > 0))
        {
            var span = token.GetLocation().GetLineSpan();
            for (var line = span.StartLinePosition.Line; line <= span.EndLinePosition.Line; line++) code.Add(line);
        }
        return code.Count;
    }

    private static IEnumerable<Method> MethodsOf(CompilationUnitSyntax root)
    {
        foreach (var node in root.DescendantNodes())
        {
            if (node is BaseMethodDeclarationSyntax { Body: not null } or BaseMethodDeclarationSyntax { ExpressionBody: not null }
                or LocalFunctionStatementSyntax)
                yield return MethodAt(SignatureOf(node), node.GetLastToken(), NameOf(node));
        }
        var statements = root.Members.OfType<GlobalStatementSyntax>().ToList();
        if (statements.Count > 0) yield return MethodAt(statements[0].GetFirstToken(), statements[^1].GetLastToken(), "Program");
    }

    private static Method MethodAt(SyntaxToken first, SyntaxToken last, string name)
    {
        var (start, end) = (first.GetLocation().GetLineSpan().StartLinePosition.Line,
            last.GetLocation().GetLineSpan().EndLinePosition.Line);
        return new Method(name, start + 1, end - start + 1);
    }

    private static SyntaxToken SignatureOf(SyntaxNode method)
    {
        var attributes = method switch
        {
            BaseMethodDeclarationSyntax member => member.AttributeLists,
            LocalFunctionStatementSyntax local => local.AttributeLists,
            _ => [],
        };
        return attributes.Count == 0 ? method.GetFirstToken() : attributes[^1].GetLastToken().GetNextToken();
    }

    private static string NameOf(SyntaxNode method)
    {
        var name = method switch
        {
            MethodDeclarationSyntax member => member.Identifier.Text,
            ConstructorDeclarationSyntax => "constructor",
            LocalFunctionStatementSyntax local => local.Identifier.Text,
            _ => "operator",
        };
        var type = method.FirstAncestorOrSelf<BaseTypeDeclarationSyntax>();
        return type is null ? name : $"{type.Identifier.Text}.{name}";
    }

    private static bool IsPublic(SyntaxNode type)
        => ((MemberDeclarationSyntax)type).Modifiers.Any(SyntaxKind.PublicKeyword)
            && type.Ancestors().OfType<BaseTypeDeclarationSyntax>().All(IsPublic);
}
