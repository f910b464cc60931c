using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>Says how a device makes samples of what an application has, as training made them.</summary>
internal static class InputForms
{
    /// <summary>The form of a data set; null where applications give tensors.</summary>
    /// <param name="table">How rows of a table became samples; null where there is none.</param>
    /// <param name="source">File that was learned from, for messages.</param>
    /// <exception cref="BuildException">A device would not read it.</exception>
    public static InputForm? Of(TablePlan? table, string source)
    {
        if (table is null) return null;
        var form = new InputForm { Table = table };
        return InputForm.ProblemOf(form) is { } problem
            ? throw new BuildException($"{source}: {problem} A device would not read it: rename or shorten it, or leave columns out "
                + "(data.table.without).")
            : form;
    }
}
