# SPDX-License-Identifier: Apache-2.0
# koppel_protobuf(TARGET FILE): C code of a .proto file, made at build time, with its header on the target's path.
find_program(PROTOC_C protoc-c REQUIRED)
function(koppel_protobuf target file)
  get_filename_component(name ${file} NAME_WE)
  get_filename_component(folder ${CMAKE_SOURCE_DIR}/${file} DIRECTORY)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(OUTPUT ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h
    COMMAND ${PROTOC_C} --c_out=${out} -I${folder} ${CMAKE_SOURCE_DIR}/${file}
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} VERBATIM)
  set_source_files_properties(${out}/${name}.pb-c.c PROPERTIES COMPILE_OPTIONS "-w")
  target_sources(${target} PRIVATE ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h)
  target_include_directories(${target} PUBLIC ${out})
endfunction()
