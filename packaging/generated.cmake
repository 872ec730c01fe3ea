# Python modules that are written at build time; nothing of what writes them is needed at run time.

# add_generated(PATH-BELOW-THE-PACKAGE COMMAND ... DEPENDS ...)
function(add_generated MODULE)
    cmake_parse_arguments(GENERATED "" "" "COMMAND;DEPENDS" ${ARGN})
    set(OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/generated/${MODULE}")
    cmake_path(GET OUTPUT PARENT_PATH DIRECTORY)
    cmake_path(GET MODULE PARENT_PATH BELOW)
    file(MAKE_DIRECTORY "${DIRECTORY}")
    add_custom_command(
        OUTPUT "${OUTPUT}"
        COMMAND "${Python_EXECUTABLE}" ${GENERATED_COMMAND} "${OUTPUT}"
        DEPENDS ${GENERATED_DEPENDS}
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        VERBATIM)
    string(MAKE_C_IDENTIFIER "generated_${MODULE}" TARGET)
    add_custom_target("${TARGET}" ALL DEPENDS "${OUTPUT}")
    set_property(GLOBAL APPEND PROPERTY GENERATED_MODULES "${OUTPUT}")
    install(FILES "${OUTPUT}" DESTINATION "${PACKAGE_DIRECTORY}/${BELOW}")
endfunction()

# A commit moves this log; there is none in an sdist.
file(GLOB COMMIT_LOG .git/logs/HEAD)
add_generated(_build.py
    COMMAND packaging/build_info.py "${CMAKE_C_COMPILER}" "${STATIC_CC}"
    DEPENDS packaging/build_info.py ${COMMIT_LOG})

if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/seccomp_build.py")
    add_generated(seccomp/_libseccomp_cffi.py
        COMMAND csrc/seccomp_build.py
        DEPENDS csrc/seccomp_build.py)
endif()

if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/csrc/systemd_build.py")
    add_generated(cgroups/_libsystemd_cffi.py
        COMMAND csrc/systemd_build.py
        DEPENDS csrc/systemd_build.py)
endif()

if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/schemas/generate.py")
    file(GLOB SCHEMAS CONFIGURE_DEPENDS schemas/*.json)
    foreach(MODULE _config_schema _landlock_schema _schemas)
        add_generated("spec/${MODULE}.py"
            COMMAND schemas/generate.py
            DEPENDS schemas/generate.py pyruntime/spec/wording.py ${SCHEMAS})
    endforeach()
endif()

# The code of all modules in one file, which the front door's program reads instead of 80.
file(GLOB_RECURSE MODULES CONFIGURE_DEPENDS pyruntime/*.py)
get_property(GENERATED_MODULES GLOBAL PROPERTY GENERATED_MODULES)
add_generated(_modules
    COMMAND packaging/archive.py "${CMAKE_CURRENT_BINARY_DIR}/generated"
    DEPENDS packaging/archive.py ${MODULES} ${GENERATED_MODULES})
